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
# # 9 · Scale up
#
# From a few hundred neurons to a hundred thousand, and from one reservoir to many.
#
# Times below are those of the machine that made this notebook. Yours will differ; the bits will not.

# %%
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch_geometric.data import Batch

import pyngn_graph as ng
from pyngn_graph.glia import PerGraph

GRAY, BLUE, ORANGE = "#808080", "#0072B2", "#D55E00"


def timed(reservoir, num_steps):
    """CPU seconds of a run, and its recording."""
    start = time.process_time()
    recording = reservoir.adapt(num_steps=num_steps, progress=False)
    return time.process_time() - start, recording


# %% [markdown]
# ## Two backends, one result
#
# `reference` is plain PyTorch Geometric: easy to read, the definition of the model. `event` is
# compiled, and its work goes with the spikes, not with the edges. It is the default on a CPU
# (`backend="auto"`).

# %%
graph = ng.generators.Tissue(num_nodes=500, degree=50, weight=0.05, seed=0)()
glia = [ng.Astrocyte(), ng.Oligodendrocyte(), ng.Microglia()]
runs = {}
for backend in ("reference", "event"):
    reservoir = ng.TriglialReservoir(graph, glia=glia, bias=(0.7, 1.1), backend=backend)
    reservoir.adapt(num_steps=10, progress=False)  # compile first
    seconds, runs[backend] = timed(reservoir, 1000)
    print(f"{backend:10} {seconds:.2f} s for a second of life, all three glia at work")
print("same spikes:", torch.equal(runs["reference"].events, runs["event"].events))
print("same gains: ", torch.equal(runs["reference"].graph.gain, runs["event"].graph.gain))

# %% [markdown]
# Not nearly the same: the same to the last bit. Weights lie on a grid on which sums are exact, so
# no order of summation matters. You can develop on one and trust the other.
#
# ## More neurons

# %%
sizes = {"reference": [300, 1000, 3000], "event": [300, 1000, 3000, 10_000, 30_000]}
times = {}
for backend, numbers in sizes.items():
    times[backend] = []
    for number in numbers:
        tissue = ng.generators.Tissue(num_nodes=number, degree=50, weight=0.05, seed=0)()
        reservoir = ng.TriglialReservoir(tissue, bias=(0.7, 1.1), backend=backend)
        steps = 100 if backend == "reference" else 1000
        reservoir.run(num_steps=10, progress=False)
        seconds, run = timed(reservoir, steps)
        times[backend].append(seconds * 1000 / steps)
print(f"the largest: {tissue.num_edges:,} edges, {len(run.events):,} spikes")

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for (backend, seconds), color, style in zip(
    times.items(), (ORANGE, BLUE), ("^--", "s-"), strict=True
):
    ax.loglog(sizes[backend], seconds, style, color=color, label=backend)
ax.axhline(1.0, color=GRAY, linestyle=":", label="real time")
ax.set_xlabel("neurons, with 50 inputs each")
ax.set_ylabel("CPU seconds for\na second of life")
ax.legend()
plt.show()

# %% [markdown]
# Larger networks, beside NEST and Brian2 and with the commands behind every number, are in
# `benchmarks/results/speed.md`: up to 100 million edges on one machine. `pyngn-graph bench` measures
# yours. One honest limit: a glial cell of your own runs at the speed of the reference.
#
# ## Many trials
#
# Outside of `adapt` trials are independent. Give them all at once, `[B, T, C]`. They are spread over
# the threads of torch (`threads=`), and the results do not depend on the number of threads. In
# `adapt` trials are one stream, as glia carry over from one to the next.

# %%
x = torch.randn(64, 20, 4, generator=torch.Generator().manual_seed(0))
states = []
for threads in (1, 2):
    many = ng.TriglialReservoir(graph, in_channels=4, hold=10, threads=threads)
    states.append(many(x))
print(states[0].shape, "the same for 1 and 2 threads:", torch.equal(*states))

# %% [markdown]
# ## Many reservoirs
#
# PyTorch Geometric puts graphs together into one large graph, a `Batch`. A reservoir takes one, and
# every part of it behaves exactly as it would alone. With `PerGraph` each has glia of its own: that
# is a sweep of parameters in a single run.
#
# Here: eight target rates, one graph.

# %%
targets = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]
small = ng.generators.Tissue(num_nodes=200, seed=0)()
union = Batch.from_data_list([small] * len(targets))
cells = [ng.Astrocyte(rho=target / 1000.0) for target in targets]
drive = torch.randn(1, 1000, 4, generator=torch.Generator().manual_seed(1))

sweep = ng.TriglialReservoir(union, in_channels=4, hold=10, glia=[PerGraph(cells)])
sweep.adapt(drive, progress=False)
reached = sweep.adapt(drive, progress=False).rates().view(len(targets), 200)

alone = ng.TriglialReservoir(small, in_channels=4, hold=10, glia=[cells[3]])
alone.adapt(drive, progress=False)
again = alone.adapt(drive, progress=False).rates()
print("the fourth, alone, gives the same:", torch.equal(reached[3], again))

# %%
gain = sweep.graph.gain.view(len(targets), 200)
for target, row in zip(targets, gain, strict=True):
    low, high = (row < 0.011).float().mean(), (row > 99.0).float().mean()
    print(
        f"target {target:2.0f} Hz: {low:4.0%} of the gains at their lower bound, {high:4.0%} upper"
    )

# %%
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(targets, targets, ":", color=GRAY, label="target")
ax.plot(targets, reached.mean(dim=1), "s", color=BLUE, label="reached, mean of the neurons")
ax.set_xlabel("target rate (Hz)")
ax.set_ylabel("firing rate (Hz)")
ax.legend()
plt.show()

# %% [markdown]
# The rates meet the targets around 20 Hz only, and the gains say why. Nearly all neurons are above 5 Hz
# by their drive alone; a gain acts on what comes from others, so it cannot help. And at 40 Hz more
# than a third would need gains beyond `max_gain`. A sweep shows such limits at once.
#
# ## Runs that survive
#
# A long run may be killed. With a `checkpoint` it goes on where it was, to the same bits. Call the
# same line again.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "life.safetensors"
    long = ng.TriglialReservoir(small, glia=glia, bias=(0.7, 1.1))
    run = long.adapt(num_steps=5000, checkpoint=path, checkpoint_every=1000, progress=False)
    print(run)
    print(f"{path.stat().st_size // 1000} kB on disk")

# %% [markdown]
# ## Larger than a machine
#
# `torchrun` spreads a reservoir over several processes or machines; the page `docs/distributed.md`
# of the documentation says how.
#
# ## What to try next
#
# - Your own limit: raise the last number in `sizes` to 100 000.
# - A sweep over seeds: `TriglialReservoir(union, seed=[0, 1, ...])`, then `sweep.split(states)`.
# - `pyngn_graph.tuning` searches parameters with Optuna.
# - Back to [the first](01_first_reservoir.ipynb), with data of your own.
