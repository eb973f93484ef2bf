# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Write your own glial cell
#
# A glial cell has two halves: what it **senses** at every step, and how it then **rewrites** the
# graph. You write two methods; the rest of the library treats your cell like its own.

# %%
import warnings

import matplotlib.pyplot as plt
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

import pyngn_graph as ng

GRAY, BLUE, ORANGE = "#808080", "#0072B2", "#D55E00"
# Strong weights without glia saturate a reservoir. It says so by itself; here it is the point.
warnings.filterwarnings("ignore", "The reservoir is saturated")

# %% [markdown]
# ## The idea
#
# Spikes cost energy, and glia feed the neurons. Our cell keeps a store of energy for each neuron.
# Every spike takes a part of it, then it fills up again:
#
# $$e_i \leftarrow e_i + \phi\,(1 - e_i) - \beta\, e_i\, s_i$$
#
# A neuron with little energy listens less: its gain is its energy. What the cell keeps lives on the
# graph, as a tensor with one entry per neuron.


# %%
class Feeder(ng.GlialCell):
    """Feeds neurons, and lets those that fire too much starve a little."""

    every_step = True  # rewrite at every step, not only once per glia_period

    def __init__(self, refill=0.002, cost=0.1):
        self.refill, self.cost = refill, cost

    def prepare(self, data):  # once: what the graph lacks
        if "energy" not in data:
            data.energy = torch.ones(data.num_nodes)
        return data

    def observe(self, data, arrivals, spikes):  # senses: arrivals [E] and spikes [N], bool
        energy = data.energy
        data.energy = energy + self.refill * (1 - energy) - self.cost * energy * spikes

    def forward(self, data):  # rewrites
        data = self.prepare(data)
        data.gain = data.energy
        return data


# %% [markdown]
# Two rules to remember. Assign **new** tensors (`data.energy = ...`), never edit old ones in place:
# others may hold them. And name whatever belongs to edges `edge_...`, so that it follows its edges
# when microglia prune.
#
# ## First check it by hand
#
# One neuron, a spike at every step, `refill=0`: energy must be 1, 0.9, 0.81, 0.729, ...

# %%
one = Data(
    edge_index=torch.empty(2, 0, dtype=torch.long),
    edge_weight=torch.empty(0),
    edge_delay=torch.empty(0, dtype=torch.long),
    num_nodes=1,
)
tiny = ng.TriglialReservoir(one, glia=[Feeder(refill=0.0)])
recording = tiny.adapt(torch.full((3, 1), 100.0), record=("energy",))
print(recording.traces["energy"].flatten())
torch.testing.assert_close(recording.traces["energy"].flatten(), 0.9 ** torch.arange(1.0, 4.0))

# %% [markdown]
# ## Then let it live
#
# 200 neurons, driven by constant currents, with weights from weak to far too strong. Without glia,
# with our feeder, and with the astrocytes of the library.


# %%
def life(weight, *glia):
    graph = ng.generators.Tissue(num_nodes=200, weight=weight, seed=0)()
    reservoir = ng.TriglialReservoir(graph, glia=glia, bias=(0.7, 1.1), seed=0)
    reservoir.adapt(num_steps=2000, progress=False)  # settle
    return reservoir.adapt(num_steps=500, record=tuple("gain" for _ in glia), progress=False)


weights = [0.05, 0.2, 0.8, 3.2]
kinds = {
    "no glia": lambda: (),
    "feeder": lambda: (Feeder(),),
    "astrocyte": lambda: (ng.Astrocyte(),),
}
rates = {
    name: [float(life(weight, *cells()).rates().mean()) for weight in weights]
    for name, cells in kinds.items()
}

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
marks = zip(rates.items(), ((GRAY, "o--"), (ORANGE, "^-"), (BLUE, "s-")), strict=True)
for (name, values), (color, style) in marks:
    ax.plot(weights, values, style, color=color, label=name)
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xticks(weights, [str(weight) for weight in weights])
ax.minorticks_off()
ax.set_yticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
ax.set_xlabel("weight at birth (jump / threshold)")
ax.set_ylabel("firing rate (Hz)")
ax.legend()
for name, values in rates.items():
    print(f"{name:10}", [round(value) for value in values], "Hz")
plt.show()

# %% [markdown]
# The feeder tames the strong network: dozens of Hz instead of hundreds. But it is a brake, no
# controller. It cannot wake the weak network, and the rate still grows with the weight. The astrocyte
# can do both, because its gain moves until the rate is right. This is the difference between a cell
# that reacts and one that integrates.
#
# ## A delay rule in one function
#
# If you only want another rule for delays, write a function of the oligodendrocyte and the graph. It
# returns the new delays. This one makes every delay of a neuron the mean of its delays, so that all
# its inputs arrive at once.


# %%
def together(cell, data):
    target, delay = data.edge_index[1], data.edge_delay
    total = torch.zeros(data.num_nodes).index_add(0, target, delay)
    return (total / torch.bincount(target, minlength=data.num_nodes))[target]


graph = ng.generators.Tissue(num_nodes=200, delay="uniform", max_delay=40, seed=0)()
reservoir = ng.TriglialReservoir(graph, glia=[ng.Oligodendrocyte(rule=together)], bias=(0.7, 1.1))
reservoir.adapt(num_steps=1000, progress=False)
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ng.plot.delays(graph, reservoir.graph, ax=ax)
ax.legend()
plt.show()

# %% [markdown]
# ## A criterion for microglia in one line
#
# A criterion gives every edge a score; those with the lowest score go. This one prunes the longest
# edges.


# %%
def short(data, generator):
    source, target = data.edge_index
    return -(data.pos[source] - data.pos[target]).norm(dim=1)


cell = ng.Microglia(criterion=short, fraction=0.5, keep=0.0)
pruned = cell(graph)
print(f"{graph.num_edges} edges before, {pruned.num_edges} after")

# %% [markdown]
# Did you notice? This time there was no reservoir. A glial cell is a transform of PyTorch Geometric:
# graph in, graph out, the old one unchanged. So it stands in a `Compose`, too, and any transform of
# yours may stand in `glia=`.

# %%
print(Compose([Feeder(), ng.Microglia(criterion=short, fraction=0.5, keep=0.0)])(graph))

# %% [markdown]
# ## What it costs
#
# The compiled loops do not know your cell. So a reservoir with it runs step by step in PyTorch: fine
# for thousands of neurons, slow for millions of edges. Functions that work at ticks only, like our
# rule and our criterion, leave the fast loops as they are.
#
# ## What to try next
#
# - Let energy flow: neurons within 100 micrometers share a store (`data.pos`).
# - Let the feeder act on weights instead, at ticks: leave `every_step` out, sum up spikes in
#   `observe`, rewrite `edge_weight` in `forward`.
# - Does the feeder keep the memory of [notebook 3](03_homeostasis_and_the_edge_of_chaos.ipynb)?
# - Next: [scale up](09_scale_up.ipynb).
