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
# # 4 · Pruning and topology
#
# A child's brain has far more synapses than an adult's. Microglia take the surplus away. Here they
# do so in a running reservoir, and NetworkX looks at the graph before and after.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import torch

import pyngn_graph as ng
from pyngn_graph.analysis import topology
from pyngn_graph.analysis.dynamics import memory_capacity
from pyngn_graph.glia import MatchedRandom, Winner

GRAY, BLUE, ORANGE = "#808080", "#0072B2", "#D55E00"

# %% [markdown]
# ## A life with microglia
#
# 300 neurons with 16 inputs each, delays drawn by chance up to 100 ms. Astrocytes hold the rate,
# microglia prune once a second. The criterion `Winner` lets the inputs of a neuron compete: an axon
# has a limited resource, and shares it among all its synapses. So crowded axons lose.
#
# `record="topology"` keeps the whole history of the graph.

# %%
HOLD = 10  # ms for each number of the input
graph = ng.generators.Tissue(
    num_nodes=300, degree=16, weight=0.3, delay="uniform", max_delay=100, seed=0
)()
numbers = ng.tasks.uniform_input(3000, generator=torch.Generator().manual_seed(0))
others = ng.tasks.uniform_input(2000, generator=torch.Generator().manual_seed(1))


def lived(*microglia):
    """A reservoir after 20 s with astrocytes and these microglia, frozen, and these 20 s."""
    reservoir = ng.TriglialReservoir(
        graph,
        in_channels=1,
        neuron=ng.LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
        glia=[ng.Astrocyte(max_gain=1e4), *microglia],
        hold=HOLD,
        seed=0,
    )
    life = reservoir.adapt(others, record="topology", progress=False)
    return reservoir, life


pruned, life = lived(ng.Microglia(criterion=Winner()))
print(life.topology)

# %%
strip = ng.plot.film(life.topology, frames=4)
plt.show()

# %%
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ng.plot.edges_alive(life, ax=ax)
print(f"{graph.num_edges} edges before, {pruned.graph.num_edges} after")
plt.show()

# %% [markdown]
# ## Did it forget?
#
# More than nine of ten edges are gone. The memory should be gone too. Is it? (Memory as in
# [notebook 2](02_delays_and_memory.ipynb).)
#
# Beside it stands the control that matters: random pruning that removes just as many excitatory and
# inhibitory edges at every tick.


# %%
def remembers(reservoir):
    """Memory in samples, and synaptic events per ms: what it costs."""
    run = reservoir.run(numbers, record=("state",), every=HOLD, progress=False)
    found = memory_capacity(run.traces["state"][0], numbers, max_lag=60)
    return found.total, float(run.synaptic_events.double().mean())


def lots(data, generator):
    """A criterion of our own: every edge draws a lot, those with the lowest go."""
    return torch.rand(data.num_edges, generator=generator)


reservoirs = {
    "not pruned": lived()[0],
    "winner": pruned,
    "random, as many edges": lived(ng.Microglia(criterion=MatchedRandom(Winner())))[0],
    "random, one input each": lived(ng.Microglia(criterion=lots, fraction=0.3, keep=0.0, min_in=1))[
        0
    ],
}
results = {name: remembers(reservoir) for name, reservoir in reservoirs.items()}

# %%
print({name: reservoir.graph.num_edges for name, reservoir in reservoirs.items()}, "edges")
figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained", sharey=True)
labels = ("memory capacity (samples)", "synaptic events per ms")
for k, (ax, label) in enumerate(zip(axes, labels, strict=True)):
    values = [result[k] for result in results.values()]
    bars = ax.barh(list(results), values, color=[GRAY, BLUE, ORANGE, ORANGE])
    ax.bar_label(bars, fmt="%.1f", padding=3)
    ax.set_xlim(0, 1.18 * max(values))
    ax.set_xlabel(label)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# Memory doubles, at a tenth of the cost. A neuron with 16 inputs hears a murmur of many times at
# once. A neuron with one input hears one time, clearly. Chains of such neurons are delay lines.
#
# Three honest remarks:
#
# - Any pruning helps here, random pruning too. `Winner` is better than both controls: in the large
#   table (512 neurons, five seeds) 15.0 samples, against 9.0 for random pruning of as many edges, and
#   11.3 if it leaves an input to every target (`benchmarks/results/science/t3_pruning.md`).
# - `Winner` does not listen to spikes, only to structure. What matters is *how many* inputs of which
#   kind each neuron keeps. Which ones may be chance: one excitatory input each, drawn at random,
#   with an inhibitory one for every fourth neuron, did as well as `Winner` (`t_activity.md`).
# - Sparse networks break more easily. They lose a larger share of their memory with every edge or
#   neuron that dies (`t_lesions.md`).
#
# ## Topology, measured
#
# `analysis.topology` reads the live graph. `compare` puts two graphs side by side.

# %%
groups = ["size", "degrees", "delays", "reciprocity", "wiring", "components", "clustering", "hops"]
table = topology.compare(graph, pruned.graph, groups)
table.loc[
    [
        "num_edges",
        "mean_degree",
        "sd_inputs",
        "sd_outputs",
        "max_outputs",
        "no_outputs",
        "mean_delay_ms",
        "reciprocity",
        "wiring_cost_um",
    ]
].round(2)

# %% [markdown]
# ## The same in NetworkX
#
# `to_networkx` gives a plain directed graph, with weights, delays and positions on it. Everything
# NetworkX can do, you can do. Here: components, and how many neurons one neuron can reach.

# %%
for name, data in (("before", graph), ("after", pruned.graph)):
    g = ng.to_networkx(data)
    strong = max(nx.strongly_connected_components(g), key=len)
    weak = nx.number_weakly_connected_components(g)
    reach = sum(len(nx.descendants(g, n)) for n in range(0, 300, 10)) / 30
    print(
        f"{name:7} {g.number_of_edges():5} edges, {weak} weak components, "
        f"largest strong component {len(strong)}, one neuron reaches {reach:.0f} others"
    )

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
for ax, row, label in ((axes[0], 1, "inputs of a neuron"), (axes[1], 0, "outputs of a neuron")):
    for data, color, name in ((graph, GRAY, "before"), (pruned.graph, BLUE, "after")):
        degree = torch.bincount(data.edge_index[row], minlength=300)
        count = torch.bincount(degree)
        ax.step(range(len(count)), count, where="mid", color=color, label=name)
    ax.set_xlabel(label)
    ax.set_ylabel("neurons")
axes[0].legend()
plt.show()

# %% [markdown]
# Pruning made a sparse forest. Hardly any loops are left: the strong component, within which all
# neurons reach each other, has shrunk from all 300 neurons to a few dozen. Paths have become long:
# 12 hops instead of 3, up to 35. Each hop has its delay, so a long chain is a long memory.
#
# ## Take the graph elsewhere
#
# GraphML and CSV are read by Gephi, Cytoscape, igraph and many others; the way back is exact.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "pruned.graphml"
    ng.exchange.write_graphml(pruned.graph, path)
    again = ng.exchange.read_graphml(path)
    print(
        path.stat().st_size // 1000, "kB;", torch.equal(again.edge_index, pruned.graph.edge_index)
    )

# %% [markdown]
# ## What to try next
#
# - `ng.plot.film3d(life.topology)` is the same film in 3D, to be turned and played.
#   `ng.plot.graph3d(pruned.graph, color="gain")` shows a single graph.
# - `life.topology.table()` has the measures at every tick; `life.topology.at(5000)` is the graph
#   after five seconds.
# - `Winner(long_delay=0.5)` favors long delays. More memory?
# - `ng.Microglia(regrow=True)`: edges that are taken away grow again elsewhere.
# - Next: [spoken digits](05_spoken_digits.ipynb).
