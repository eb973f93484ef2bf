"""T7: worm and larva as reservoirs, beside rewired and random graphs, with and without glia.

python benchmarks/science/t7_connectomes.py --root FOLDER
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.connectomes import READ, esn, memory, taps
from benchmarks.science.controls import ESN, ESN_SETTINGS
from benchmarks.science.harness import Study, arguments
from benchmarks.science.raw import options_with_root
from benchmarks.science.results import Cell, Claim, Results, Show, mean_sd

WEIGHTS = (0.02, 0.2, 2.0)
TUNED = 0.2

ANIMALS = {"worm": 302, "larva": READ}
"""Animals, and the number of their neurons that are read."""

GOALS = {"worm": 2.5, "larva": 1.6}
"""How many times the memory of astrocytes alone all glia are to reach."""

A = {"astrocyte": "multiplicative"}
TAPS = "control: raw input, 10 samples"

Settings = dict[str, dict[str, Any]]

NOTES = """\
Memory: linear capacity over lags 1 to 200; U(-1, 1) to all neurons, 10 ms a sample; readouts are
trained on 3000 samples and tested on 1000; of the larva they see 1000 random neurons. Columns: mean
excitatory weight at birth. Glia adapt for 40 s, unlabeled, then rest. A: astrocytes
(multiplicative); O: oligodendrocytes, with the rule and the longest delay chosen below; M:
microglia, `random` to 15 % of the edges with 2 inputs or more for each neuron, or `winner`, which
leaves one excitatory input. Both animals have the same parameters, those chosen on the worm.

Worm: 302 neurons, 5806 edges, chemical and electrical (Cook et al. 2019), 35 inhibitory neurons;
delays by distance, 1 to 100 ms. Larva: 2952 neurons, 110 677 edges, all types of synapses; no
positions and no transmitters are known: delays are i.i.d. uniform (1 to 100 ms), 20 % random
neurons inhibit. Weights grow with the square root of the count.

Wirings: "rewired", 20 E swaps of targets are tried that keep in-degrees and out-degrees (of the
worm for chemical and electrical edges apart); "random", as many edges between random neurons;
"sparse", random with 3 edges per neuron; "shuffled", the real one with counts shuffled. Neurons,
positions, signs and counts are those of the animal. Controls are made from the real wiring; "equal"
removes as many excitatory and inhibitory edges as `winner`, which ones is chance. ESN: as many
units as neurons are read, the best of three settings.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["celegans", "drosophila_larva"])
    study = Study("t7_connectomes", options)
    weights = (TUNED,) if study.fast else WEIGHTS
    glia, controls = choices(study)
    cells = []
    for animal, size in ANIMALS.items():
        for row, (params, everywhere) in rows(animal, glia, controls).items():
            cells += [
                Cell(row, f"{animal} {weight:g}", seed, memory, params | {"weight": weight})
                for weight in (weights if everywhere else (TUNED,))
                for seed in study.seeds
            ]
        settings = {
            name: {"num_nodes": size, "setting": setting} for name, setting in ESN_SETTINGS.items()
        }
        best = study.choose(f"ESN of {size} units", esn, settings, "memory")
        column = f"{animal} {TUNED:g}"
        for seed in study.seeds:
            cells.append(Cell(ESN, column, seed, esn, settings[best]))
            cells.append(Cell(TAPS, column, seed, taps, {"number": 10}))
    results = study.run(cells)
    title = "Worm and larva as reservoirs, and what their wiring is worth"
    study.write(title, tables(results), draw(results, weights), claims(results, weights), NOTES)


def choices(study: Study) -> tuple[Settings, Settings]:
    """Sets of glia and their controls, the rules chosen by memory of the worm."""
    shared = {"weight": TUNED, **A}
    settings = {
        f"{rule}, up to {longest} ms": {"oligodendrocyte": rule, "max_delay": longest}
        for rule in ("graded", "coherence", "coherence, long")
        for longest in (100, 200)
    }
    prune = {"microglia": "random", "keep": 0.15, "min_in": 2}
    called = {name: setting | shared | prune for name, setting in settings.items()}
    o = settings[study.choose("O, with A and M random", memory, called, "memory")]
    called = {name: {"microglia": name, **o, **shared} for name in ("winner", "winner, long")}
    winner = {"microglia": study.choose("winner, with A and O", memory, called, "memory")}
    glia: Settings = {
        "none": {},
        "A": A,
        "A+O": A | o,
        "A+O+M random": A | o | prune,
        "A+O+M winner": A | o | winner,
    }
    fixed = {"max_delay": o["max_delay"]}
    controls: Settings = {
        "control: A, uniform delays as long as O's": A | fixed | {"oligodendrocyte": "uniform"},
        "control: A+M random, sqrt delays": A | fixed | prune | {"oligodendrocyte": "sqrt"},
        "control: A+M winner, sqrt delays": A | fixed | winner | {"oligodendrocyte": "sqrt"},
        "control: A+O+random, equal": A | o | {"microglia": "random, equal"},
        "control: zero recurrent weights": {"connected": False},
    }
    return glia, controls


def rows(animal: str, glia: Settings, controls: Settings) -> dict[str, tuple[dict[str, Any], bool]]:
    """Parameters of each row, and whether it is done at every weight."""
    made = {}
    for wiring in ("real", "rewired"):
        for name, params in glia.items():
            made[f"{wiring}, {name}"] = ({"wiring": wiring, **params}, True)
    for wiring, names in (
        ("random", ("A", "A+O+M random", "A+O+M winner")),
        ("sparse", ("none", "A", "A+O")),
        ("shuffled", ("A",)),
    ):
        for name in names:
            made[f"{wiring}, {name}"] = ({"wiring": wiring, **glia[name]}, False)
    if animal == "worm":  # delays of the larva are of this kind in all rows
        for wiring in ("real", "rewired", "random", "sparse", "shuffled"):
            params = {"wiring": wiring, "delay": "uniform", **A}
            made[f"{wiring}, A, uniform delays"] = (params, False)
    made |= {name: (params, False) for name, params in controls.items()}
    return {name: (params | {"animal": animal}, every) for name, (params, every) in made.items()}


def tables(results: Results) -> list[str]:
    """A table for each animal: memory, rate and events by weight, edges that are left."""
    parts = []
    for animal in ANIMALS:
        columns = [column for column in results.columns if column.startswith(animal)]
        shows = [
            Show(f"{head} {column.removeprefix(animal).strip()}", column, metric, form)
            for metric, head, form in (
                ("memory", "memory", ".2f"),
                ("rate", "Hz", ".1f"),
                ("events", "events / ms", ".0f"),
            )
            for column in columns
        ]
        shows.append(Show("edges", f"{animal} {TUNED:g}", "edges", ".0f"))
        shown = [row for row in results.rows if results.has(row, f"{animal} {TUNED:g}", "memory")]
        parts += [f"## {animal.capitalize()}", results.table(shows, shown)]
    return parts


def claims(results: Results, weights: Sequence[float]) -> list[Claim]:
    """What is said of glia on a connectome, and of the connectome."""
    found = []
    for animal, goal in GOALS.items():
        columns = [f"{animal} {weight:g}" for weight in weights]
        tuned = f"{animal} {TUNED:g}"
        for row in ("A+O+M random", "A+O+M winner"):
            both = results.means(f"real, {row}", "memory", columns)
            ratio = both / results.means("real, A", "memory", columns)
            text = f"{animal}: {row} at least {goal:g} times the memory of A, at every weight"
            shown = ", ".join(f"{value:.2f}" for value in ratio)
            found.append(Claim(text, shown, bool((ratio >= goal).all())))
        pairs = [
            ("real, A", "rewired, A"),
            ("real, A+O+M random", "rewired, A+O+M random"),
            ("sparse, A", "real, A"),
        ]
        for one, two in pairs:
            gain = results.values(one, tuned, "memory") - results.values(two, tuned, "memory")
            shown = f"{mean_sd(gain, '+.2f')}, seed by seed"
            found.append(
                Claim(f"{animal}: {one} above {two}, every seed", shown, bool((gain > 0).all()))
            )
    return found


def draw(results: Results, weights: Sequence[float]) -> Figure:
    """Memory against the weight, and by wiring, of both animals."""
    figure, axes = pictures.panels(2, 2, width=6.0, height=4.2)
    lines = [f"real, {name}" for name in ("none", "A", "A+O", "A+O+M random", "A+O+M winner")]
    lines += [f"rewired, {name}" for name in ("A", "A+O+M random", "A+O+M winner")]
    for column, animal in enumerate(ANIMALS):
        upper, lower = axes[:, column]
        for place, row in enumerate(lines):
            columns = [f"{animal} {weight:g}" for weight in weights]
            values = [results.values(row, each, "memory") for each in columns]
            pictures.curve(upper, weights, values, place, row)
        pictures.decades(upper, weights)
        upper.set(title=animal, ylabel="memory capacity", ylim=(0, None))
        upper.set_xlabel("weight at birth (jump / threshold)")
        tuned = f"{animal} {TUNED:g}"
        bars = [
            f"{wiring}, {name}"
            for name in ("A", "A, uniform delays", "A+O+M random", "A+O+M winner")
            for wiring in ("real", "rewired", "random", "sparse", "shuffled")
            if results.has(f"{wiring}, {name}", tuned, "memory")
        ]
        pictures.bars(lower, results, bars, [(tuned, tuned)], "memory")
        lower.set_ylabel(f"memory capacity at {TUNED:g}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


if __name__ == "__main__":
    main()
