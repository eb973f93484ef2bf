"""The cortical microcircuit of Potjans & Diesmann (2014), here and in NEST on the same synapses.

python benchmarks/microcircuit.py --scale 0.1 --seconds 2 --environments build/environments

Eight populations, an excitatory and an inhibitory one in each of four layers, of integrate-and-fire
neurons with exponential synaptic currents, in steps of 0.1 ms. ``--scale`` k keeps that share of
the neurons and of the inputs of each; weights grow by 1 / sqrt(k), and a constant current replaces
the mean input that is lost (van Albada, Helias & Diesmann 2015). Background is Poisson spikes, as
published, or a constant current of the same mean. The synapses, first potentials and constant
currents are drawn once and handed to both simulators as arrays, each in a process of its own on
one thread; Poisson spikes are drawn by each simulator for itself. NEST is skipped where its
environment is missing (``benchmarks/speed/environments.sh`` makes it).

Sources: Potjans & Diesmann (2014), Cerebral Cortex 24, 785-806; parameters and published rates as
in the PyNEST implementation of the authors' group (INM-6/microcircuit-PD14-model).
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import table, write

HERE = Path(__file__).parent

Array = NDArray[Any]

POPULATIONS = ["L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]

SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])

# Row: target, column: source.
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
    ]
)

BACKGROUND = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
"""External inputs of each neuron, at 8 Hz each."""

BACKGROUND_RATE = 8.0

PUBLISHED = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
"""Rates (Hz) of the full circuit with Poisson background, as the authors' group publishes them.

From the parameters of its PyNEST implementation (INM-6/microcircuit-PD14-model), which needs them
to scale the circuit down; so does this script.
"""

DT, TAU_M, TAU_SYN, T_REF, CAPACITANCE = 0.1, 10.0, 0.5, 2.0, 250.0
"""ms, and pF."""

V_TH = 15.0
"""Threshold, mV above rest (-50 and -65 mV); neurons are reset to rest."""

NOTES = """\
Rates: mean over the neurons of each population, Hz, after the warm-up. Published: the full circuit,
Poisson background, as given by the authors' group with its PyNEST implementation; for a constant
background there is no such column. CPU: seconds for the loop over time; build: CPU seconds before
it, without drawing the synapses. Memory: peak of the whole process, imports included. With Poisson
background this library is handed the currents that a NumPy loop makes of the spikes (not counted in
"CPU"), NEST makes its own inside. "Same spikes" counts spikes in order of time up to the first
difference: float32 here, float64 in NEST, and the circuit is chaotic, so that one rounding at a
threshold sends the two apart; rates are what can be compared after that.

Unfed: the potential (mV above rest; threshold 15) at which neurons settle if no neuron of the
circuit fires, with constant background. Scaling down replaces 1 - sqrt(k) of the mean recurrent
input at the published rates, which is inhibition in the main, by a constant current; unlike
recurrent input it stays when rates fall. In the full circuit all populations are far above
threshold without recurrent spikes, so that none can fall silent for good. At k = 0.1 only L6I is:
all others fall silent, and a constant background has no noise that could lead out of it. Both
simulators end there. That is a fault of the scaling, and of neither simulator.

With Poisson background rates lie below those of the full circuit, in both. One seed.
"""


def unit_psp() -> float:
    """Height (mV) of the postsynaptic potential for a synaptic current of 1 pA."""
    ratio = TAU_M / TAU_SYN
    peak = np.log(ratio) / (1.0 / TAU_SYN - 1.0 / TAU_M)
    shape = np.exp(-peak / TAU_M) - np.exp(-peak / TAU_SYN)
    return float(shape / CAPACITANCE * TAU_M * TAU_SYN / (TAU_M - TAU_SYN))


def draw(scale: float, background: str, seed: int) -> dict[str, Array]:
    """The circuit as arrays: edges, potentials and currents (mV above rest, pA, steps)."""
    rng = np.random.default_rng(seed)
    sizes = np.round(SIZES * scale).astype(int)
    first = np.concatenate([[0], np.cumsum(sizes)])
    pairs = np.outer(SIZES, SIZES).astype(float)
    full = np.log1p(-PROBABILITIES) / np.log1p(-1.0 / pairs)
    number = np.round(full * scale**2).astype(int)
    current = 0.15 / unit_psp()
    mean = current * np.where(np.arange(8) % 2 == 0, 1.0, -4.0) * np.ones((8, 1))
    mean[0, 2] *= 2.0  # from L4E to L2/3E
    parts: dict[str, list[Array]] = {"src": [], "dst": [], "weight": [], "delay": []}
    for target, source in np.argwhere(number > 0):
        size, sign = number[target, source], 1.0 - 2.0 * (source % 2)
        weight = rng.normal(mean[target, source], 0.1 * abs(mean[target, source]), size)
        parts["src"].append(rng.integers(first[source], first[source + 1], size))
        parts["dst"].append(rng.integers(first[target], first[target + 1], size))
        parts["weight"].append(sign * np.maximum(sign * weight, 0.0) / scale**0.5)
        parts["delay"].append(_delays(rng, 1.5 if sign > 0 else 0.75, size))
    circuit = {name: np.concatenate(each) for name, each in parts.items()}
    # Multiples of 2^-8 pA are the same number in float32, on the grid of weights, and in float64.
    circuit["weight"] = np.round(circuit["weight"] * 256) / 256
    lost = 1.0 - scale**0.5
    per_target = full / SIZES[:, None]
    dc = lost * (mean * per_target * PUBLISHED).sum(axis=1)
    outside = current * BACKGROUND * BACKGROUND_RATE
    dc += outside * (lost if background == "poisson" else 1.0)
    bias = np.repeat(1e-3 * TAU_SYN * dc, sizes)
    events = BACKGROUND * scale * BACKGROUND_RATE * (background == "poisson")
    return circuit | {
        "bias": bias.astype(np.float32).astype(float),
        "v": rng.normal(7.0, 10.0, sizes.sum()).astype(np.float32).astype(float),
        "events": np.repeat(events, sizes),  # spikes of the background, Hz
        "event_weight": np.array(current / scale**0.5),
        "population": np.repeat(np.arange(8), sizes),
        **{
            name: np.array(value)
            for name, value in {
                "dt": DT,
                "tau_m": TAU_M,
                "tau_syn": TAU_SYN,
                "t_ref": T_REF,
                "capacitance": CAPACITANCE,
                "v_th": V_TH,
            }.items()
        },
    }


def _delays(rng: np.random.Generator, mean: float, size: int) -> Array:
    """Normal, half as wide as their mean, drawn again below half a step; in steps."""
    delay = rng.normal(mean, 0.5 * mean, size)
    while (short := delay < 0.5 * DT).any():
        delay[short] = rng.normal(mean, 0.5 * mean, short.sum())
    return np.maximum(np.rint(delay / DT).astype(np.int64), 1)


def simulate(python: Path, name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Runs one simulator on the circuit in ``folder``: costs, and steps and nodes of spikes."""
    out = folder / f"{name}.npz"
    words = [python, HERE / f"microcircuit_{name}.py", folder / "circuit.npz", out]
    words += ["--steps", round(1000 * options.seconds / DT), "--seed", options.seed]
    alone = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run(
        [str(word) for word in words], env=os.environ | alone, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stdout}{done.stderr}")
    with np.load(out, allow_pickle=False) as spikes:
        order = np.lexsort((spikes["node"], spikes["step"]))
        spiked = np.stack([spikes["step"], spikes["node"]], axis=1)[order]
    return {"spikes": spiked, **json.loads(done.stdout.splitlines()[-1])}


def rates(spikes: Array, population: Array, options: argparse.Namespace) -> list[float]:
    """Mean rate of each population after the warm-up, Hz."""
    late = spikes[spikes[:, 0] >= round(1000 * options.warmup / DT), 1]
    count = np.bincount(population[late], minlength=8)
    return (count / np.bincount(population) / (options.seconds - options.warmup)).tolist()


def unfed(circuit: dict[str, Array]) -> list[float]:
    """Mean potential of each population if no neuron of the circuit fires, mV above rest."""
    drive = circuit["bias"] + 1e-3 * TAU_SYN * circuit["events"] * circuit["event_weight"]
    sums = np.bincount(circuit["population"], drive)
    return (sums / np.bincount(circuit["population"]) * TAU_M / CAPACITANCE).tolist()


def measure(background: str, options: argparse.Namespace) -> dict[str, Any]:
    """One circuit in all simulators there are."""
    folder = options.work.absolute() / background
    folder.mkdir(parents=True, exist_ok=True)
    circuit = draw(options.scale, background, options.seed)
    np.savez(folder / "circuit.npz", **circuit)
    result: dict[str, Any] = {
        "background": background,
        "num_nodes": len(circuit["bias"]),
        "num_edges": len(circuit["src"]),
        "unfed": unfed(circuit),
        "runs": {},
    }
    places = {"ours": Path(sys.executable)}
    nest = options.environments.absolute() / "nest" / "bin" / "python"
    if nest.exists():
        places["nest"] = nest
    else:
        print(f"NEST is skipped: there is no {nest}; benchmarks/speed/environments.sh makes it")
    spikes = {}
    for name, python in places.items():
        run = simulate(python, name, folder, options)
        spikes[name] = run.pop("spikes")
        run["spikes"] = len(spikes[name])
        run["rates"] = rates(spikes[name], circuit["population"], options)
        result["runs"][name] = run
        print(background, name, run, flush=True)
    if len(spikes) == 2:
        shortest = min(map(len, spikes.values()))
        equal = (spikes["ours"][:shortest] == spikes["nest"][:shortest]).all(axis=1)
        same = shortest if equal.all() else int(equal.argmin())
        apart = None if same == shortest else float(spikes["ours"][same, 0]) * DT
        result |= {"same_spikes": same, "apart_ms": apart}
    return result


def section(result: dict[str, Any]) -> str:
    runs, poisson = result["runs"], result["background"] == "poisson"
    head = ["population", *runs, "published" if poisson else "unfed, mV"]
    rows = [
        [
            population,
            *(f"{run['rates'][k]:.2f}" for run in runs.values()),
            f"{PUBLISHED[k] if poisson else result['unfed'][k]:.2f}",
        ]
        for k, population in enumerate(POPULATIONS)
    ]
    costs = [
        [name, f"{run['build']:.3g}", f"{run['cpu']:.3g}", f"{run['wall']:.3g}",
         f"{run['memory']:.4g}", f"{run['spikes']:,}"]
        for name, run in runs.items()
    ]  # fmt: skip
    parts = [
        f"## {'Poisson' if poisson else 'Constant'} background",
        f"{result['num_nodes']:,} neurons, {result['num_edges']:,} synapses",
        table(head, rows),
        table(["simulator", "build s", "CPU s", "wall s", "memory MiB", "spikes"], costs),
    ]
    if not poisson and "same_spikes" in result:
        apart = result["apart_ms"]
        until = "to the end" if apart is None else f"up to {apart:.1f} ms of model time"
        parts.append(f"Same spikes: the first {result['same_spikes']:,}, {until}.")
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1, help="share of neurons and of inputs")
    parser.add_argument("--seconds", type=float, default=2.0, help="of model time")
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds left out of the rates")
    parser.add_argument("--background", nargs="+", default=["poisson", "constant"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, default=Path("build/environments"))
    parser.add_argument("--work", type=Path, default=Path("build/microcircuit"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "microcircuit.md")
    options = parser.parse_args()
    results = [measure(background, options) for background in options.background]
    versions = sorted({run["about"] for result in results for run in result["runs"].values()})
    title = f"The microcircuit of Potjans & Diesmann (2014) at {options.scale:.0%}"
    about = f"{options.seconds:g} s of model time in steps of {DT} ms, rates after "
    about += f"{options.warmup:g} s; one thread each"
    write(options.out, title, versions, results, [about, *map(section, results)], NOTES)


if __name__ == "__main__":
    main()
