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
# # 3 · Homeostasis and the edge of chaos
#
# Whoever builds a recurrent network has to choose the strength of its weights. Too weak, and signals
# die. Too strong, and the network shouts at itself. Astrocytes take this choice away: each sets the
# gain of its neuron so that it fires at a given rate.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch

import pyngn_graph as ng
from pyngn_graph.analysis.dynamics import derrida_map, memory_capacity

GRAY, BLUE, ORANGE = "#808080", "#0072B2", "#D55E00"
# Strong weights without glia saturate a reservoir. It says so by itself; here it is the point.
warnings.filterwarnings("ignore", "The reservoir is saturated")

# %% [markdown]
# ## Weights over two decades
#
# The same tissue, with weights from 0.02 to 2, a factor of 100. A weight is the jump of the
# potential that a spike causes; the threshold is 1.

# %%
WEIGHTS = [0.02, 0.06, 0.2, 0.6, 2.0]
HOLD = 10  # ms for each number of the input
numbers = ng.tasks.uniform_input(3000, generator=torch.Generator().manual_seed(0))
others = ng.tasks.uniform_input(2000, generator=torch.Generator().manual_seed(1))


def lived(weight, *glia):
    """A reservoir after 20 s with these glia, frozen, and the recording of these 20 s."""
    tissue = ng.generators.Tissue(
        num_nodes=300, degree=8, weight=weight, delay="uniform", max_delay=60, seed=0
    )
    reservoir = ng.TriglialReservoir(
        tissue(),
        in_channels=1,
        neuron=ng.LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
        glia=glia,
        hold=HOLD,
        seed=0,
    )
    life = reservoir.adapt(others, progress=False) if glia else None
    return reservoir, life


def astrocyte():
    return ng.Astrocyte(rho=0.02, max_gain=1e4)


# %% [markdown]
# First look at one of them. Weights of 2 are far too strong. The astrocytes notice and turn the
# gains down.

# %%
reservoir, life = lived(2.0, astrocyte())
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
ng.plot.rate(life, target=20.0, ax=axes[0])
axes[0].legend()
axes[1].hist(reservoir.graph.gain.log10(), bins=30, color=BLUE)
axes[1].set_xlabel("log10 of the gain after 20 s (at birth: 0)")
axes[1].set_ylabel("neurons")
plt.show()

# %% [markdown]
# ## Rate, memory and chaos
#
# For each weight, with and without astrocytes, we measure three things:
#
# - the firing **rate**;
# - the **memory**, as in [notebook 2](02_delays_and_memory.ipynb): of how many past samples does a
#   linear readout know the value;
# - **damage**: add a single spike by hand. How many neurons fire differently within the next 60 ms,
#   the longest delay? Where accidents die out, the network is in order. Where they grow and grow,
#   it is chaotic: it remembers its own accidents instead of its input. The edge lies in between.

# %%
trials = ng.tasks.uniform_input(60 * 40, generator=torch.Generator().manual_seed(2))


def measure(reservoir):
    """Rate in Hz, memory in samples, neurons that one extra spike damages."""
    run = reservoir.run(numbers, record=("state",), every=HOLD, progress=False)
    found = memory_capacity(run.traces["state"][0], numbers, max_lag=40)
    damage = derrida_map(
        reservoir,
        trials.view(60, 40, 1),
        counts=[1],
        at=300,
        horizon=60,
        generator=torch.Generator().manual_seed(0),
    )
    spread = float(damage.after.mean() / damage.before.mean())
    return float(run.rates().mean()), found.total, spread


bare = np.array([measure(lived(weight)[0]) for weight in WEIGHTS])
held = np.array([measure(lived(weight, astrocyte())[0]) for weight in WEIGHTS])

alone = measure(lived(1e-6)[0])  # weights of nothing: what a neuron does to itself

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
names = ("firing rate (Hz)", "memory (samples)", "neurons damaged by a spike")
for k, (ax, name) in enumerate(zip(axes, names, strict=True)):
    ax.plot(WEIGHTS, bare[:, k], "o--", color=GRAY, label="no glia")
    ax.plot(WEIGHTS, held[:, k], "s-", color=BLUE, label="astrocytes")
    ax.set_xscale("log")
    ax.set_xticks(WEIGHTS, [str(weight) for weight in WEIGHTS])
    ax.minorticks_off()
    ax.set_xlabel("weight at birth (jump / threshold)")
    ax.set_ylabel(name)
    ax.set_ylim(bottom=0)
axes[2].axhline(alone[2], color=ORANGE, linestyle=":", label="weights zero")
axes[2].legend()
for weight, *values in zip(WEIGHTS, bare.tolist(), held.tolist(), strict=True):
    rows = ("{:5.0f} Hz, memory {:.1f}, damage {:.1f}".format(*value) for value in values)
    print(f"weight {weight:<4}  no glia {next(rows)}   astrocytes {next(rows)}")
plt.show()

# %% [markdown]
# Without glia the rate goes from 8 Hz to more than 250 Hz, and the memory has a peak: one weight is
# right, all others are wrong. With astrocytes all five weights give the same network: about 20 Hz,
# the same memory, the same damage. They bring it to the same distance from the edge, wherever it
# began. This is what astrocytes buy: **you need not tune the weight**.
#
# What they do not buy: memory as such. Here they come out a little above the best bare weight, but
# where delays are short they add nothing ([notebook 2](02_delays_and_memory.ipynb)), and where a
# readout sees a whole image at once they even cost a little (`benchmarks/results/science/t5_images.md`).
# The table behind this picture, with 512 neurons, nine weights, five seeds and all controls, is
# `benchmarks/results/science/t1_weights.md`: 5.8 samples within 2 % at all weights, and 4.9 at best
# without glia.
#
# ## Two rules
#
# The *additive* rule moves the gain by $\eta (\rho - c)$, where $c$ is calcium, a slow trace of the
# spikes, and $\rho$ its target. Its steps have a fixed size, whatever the weights. The
# *multiplicative* rule moves it by a share of itself, $\gamma\,\eta\,(1 - c / \rho)$. So it is as
# quick for small weights as for large ones. These notebooks use the second.

# %%
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for rule, color, style in (("additive", ORANGE, "--"), ("multiplicative", BLUE, "-")):
    _, life = lived(0.02, ng.Astrocyte(rule=rule, rho=0.02, max_gain=1e4))
    second = life.events[:, 1] // 1000
    rate = torch.bincount(second, minlength=20) / life.graph.num_nodes
    ax.plot(range(1, 21), rate, style, color=color, label=rule)
ax.axhline(20.0, color=GRAY, linestyle=":", label="target")
ax.set_xlabel("time (s)")
ax.set_ylabel("firing rate (Hz)")
ax.set_ylim(bottom=0)
ax.legend()
ax.set_title("weights far too weak: 0.02")
plt.show()

# %% [markdown]
# ## The edge of chaos, on purpose
#
# The target rate is the one knob that is left. The input alone makes the neurons fire at some rate
# $h$. If homeostasis holds the rate at $r$, then each spike causes about $\sigma = 1 - h / r$ others
# through the recurrent edges. $\sigma$ near 0: the network only repeats its input. $\sigma$ near 1:
# it is about to ignite.

# %%
targets = [8.0, 12.0, 20.0, 40.0]
found = np.array(
    [measure(lived(0.2, ng.Astrocyte(rho=target / 1000.0, max_gain=1e4))[0]) for target in targets]
)
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
for ax, column, name in zip(axes, (1, 2), names[1:], strict=True):
    ax.plot(targets, found[:, column], "s-", color=BLUE)
    ax.set_xlabel("target rate (Hz)")
    ax.set_ylabel(name)
    ax.set_ylim(bottom=0)
axes[1].axhline(alone[2], color=ORANGE, linestyle=":", label="weights zero")
axes[1].legend()
plt.show()

# %% [markdown]
# A higher target means more recurrence, and more damage by every spike. The memory is largest in
# between. Nothing jumps: in a network of 300 neurons the edge is a slope, not a cliff. And the best
# target depends on the task, so it remains a knob. But it is one in Hz, and a reservoir forgives a
# target that is off by half.
#
# ## What to try next
#
# - Halve the weights in the middle of a life (`reservoir.graph.edge_weight`, then assign the graph)
#   and watch how long the rate needs to come back.
# - `ng.Astrocyte(territory=100.0)`: one astrocyte for all neurons within 100 micrometers.
# - `ng.recipes.suggest_rho` chooses the target from the rate that your input alone causes.
# - Next: [pruning](04_pruning_and_topology.ipynb).
