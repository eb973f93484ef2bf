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
# # 2 · Delays and memory
#
# A spike needs time to travel. In the brain, oligodendrocytes wrap axons in myelin and so set how
# much time. This notebook shows why a reservoir cares: **delays are memory**.

# %%
import matplotlib.pyplot as plt
import torch
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.analysis.dynamics import memory_capacity
from pyngn_graph.glia import Coherence, FixedDelays

# %% [markdown]
# ## One neuron that tells an order
#
# Neurons 0 and 1 both reach neuron 2. Each makes it jump by 0.7, the threshold is 1: one spike is
# not enough, two at the same time are. What is left of a jump fades within some 5 ms (`tau_m`). The path from 0 takes 10 ms, the path from 1 takes 2 ms.

# %%
pair = Data(
    edge_index=torch.tensor([[0, 1], [2, 2]]),  # row 0: from, row 1: to
    edge_weight=torch.tensor([0.7, 0.7]),
    edge_delay=torch.tensor([10, 2]),  # steps of 1 ms
    num_nodes=3,
)
detector = ng.TriglialReservoir(pair, neuron=ng.LIFParameters(tau_m=5.0))


def spikes(first, second, lag=8):
    """One spike of neuron `first`, `lag` ms later one of neuron `second`."""
    drive = torch.zeros(1, 30, 3)  # trial, step, neuron
    drive[0, 5, first] = drive[0, 5 + lag, second] = 30.0
    return detector.run(drive, progress=False)


# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.2), layout="constrained", sharey=True)
for ax, (first, second) in zip(axes, [(0, 1), (1, 0)], strict=True):
    ng.plot.raster(spikes(first, second), ax=ax)
    ax.set_title(f"first {first}, then {second}")
    ax.set_yticks([0, 1, 2])
axes[1].set_ylabel("")
plt.show()

# %% [markdown]
# "0 first" arrives together and neuron 2 fires. "1 first" arrives apart and it stays silent. Two
# numbers, 10 and 2, have turned a neuron into a detector of an order in time.
#
# ## How much does a reservoir remember?
#
# Send it random numbers, one every 10 ms. After each, ask a linear readout: which number came one
# sample ago? Two ago? Sixty ago? `r2` is 1 where the readout knows, 0 where it guesses. The sum
# over all lags is the **memory capacity**.

# %%
HOLD = 10  # ms for each number
graph = ng.generators.Tissue(num_nodes=300, degree=8, seed=0)()
numbers = ng.tasks.uniform_input(3000, generator=torch.Generator().manual_seed(0))
others = ng.tasks.uniform_input(2000, generator=torch.Generator().manual_seed(1))


def memory(*glia):
    """A reservoir that lived for 20 s with these glia, and what it then remembers."""
    reservoir = ng.TriglialReservoir(
        graph,
        in_channels=1,
        neuron=ng.LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
        glia=glia,
        hold=HOLD,
        seed=0,
    )
    if glia:
        reservoir.adapt(others, progress=False)
    run = reservoir.run(numbers, record=("state",), every=HOLD, progress=False)
    return reservoir, memory_capacity(run.traces["state"][0], numbers, max_lag=60)


# %% [markdown]
# Three lives of the same graph: without glia, with astrocytes (they only hold the firing rate at
# 20 Hz), and with astrocytes and oligodendrocytes.


# %%
def astrocyte():
    return ng.Astrocyte()


lives = {
    "no glia": memory(),
    "astrocytes": memory(astrocyte()),
    "+ oligodendrocytes": memory(
        astrocyte(), ng.Oligodendrocyte(rule=Coherence(shape=2.0), max_delay=100)
    ),
}
for name, (_, found) in lives.items():
    print(f"{name:20} remembers {found.total:.1f} samples")

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for (name, (_, found)), color, style in zip(
    lives.items(), ("#808080", "#D55E00", "#0072B2"), (":", "--", "-"), strict=True
):
    lag = range(HOLD, HOLD * (len(found.r2) + 1), HOLD)
    axes[0].plot(lag, found.r2, style, color=color, label=name)
axes[0].set_xlabel("how long ago (ms)")
axes[0].set_ylabel("r² of the readout")
axes[0].set_xlim(0, 300)
axes[0].legend()
ng.plot.delays(graph, lives["+ oligodendrocytes"][0].graph, ax=axes[1])
axes[1].legend()
axes[1].set_title("what the oligodendrocytes changed")
plt.show()

# %% [markdown]
# At birth delays grow with distance, from 2 to about 10 ms. So all of the past is gone after a few
# samples. Oligodendrocytes spread the delays up to 100 ms, and the memory reaches as far.
#
# Note what astrocytes do here: nothing for memory. They make neurons fire at a rate, that is all.
# [The next notebook](03_homeostasis_and_the_edge_of_chaos.ipynb) shows what this is good for.
#
# ## Was it learning, or just longer delays?
#
# The honest question. A control: draw all delays **once, by chance**, with no learning at all.

# %%
controls = {
    "uniform, by chance": FixedDelays("uniform", seed=0),
    "long ones favored, by chance": FixedDelays("sqrt", seed=0),
    "graded (spread evenly)": "graded",
    "coherence": Coherence(),
}
totals = {
    name: memory(astrocyte(), ng.Oligodendrocyte(rule=rule, max_delay=100))[1].total
    for name, rule in controls.items()
}
totals["coherence, long ones favored"] = lives["+ oligodendrocytes"][1].total
print({name: round(total, 1) for name, total in totals.items()})

# %%
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ink = ["#808080" if "chance" in name else "#0072B2" for name in totals]
bars = ax.barh(list(totals), list(totals.values()), color=ink)
ax.bar_label(bars, fmt="%.1f", padding=3)
ax.set_xlim(0, 1.15 * max(totals.values()))
ax.set_xlabel("memory capacity (samples)")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# Delays drawn by chance do most of the work: it is the **spread** that makes the memory. The default
# rule, `graded`, spreads delays evenly and is no better than chance. The rule `coherence` is: it
# looks which inputs of a neuron carry the same signal, and lets them arrive together. It gains some
# tenths, and more in larger networks: with 512 neurons and 40 s of life 9.1 against 7.6 samples, in
# five of five seeds (`benchmarks/results/science/t_rules.md`).
#
# Two more honest numbers. Once microglia have pruned, delays drawn by chance with long ones favored
# do as well as learned ones (`t2_ablation.md`). And an echo state network of equal size, no spikes
# and all numbers exact, remembers 88 samples on this task. Spikes are noisy messengers.
#
# So why let oligodendrocytes learn at all? Because you get the spread from any graph, such as a
# connectome whose delays are all short.
#
# ## What to try next
#
# - `max_delay=200`. Memory grows. What happens to the recent past?
# - Make the delays of `pair` learn the other order.
# - `ng.Oligodendrocyte(rule=...)` takes a function of your own: [notebook 8](08_your_own_glial_cell.ipynb).
# - Next: [homeostasis](03_homeostasis_and_the_edge_of_chaos.ipynb).
