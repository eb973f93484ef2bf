"""The worm as a reservoir beside its null models, before and after microglia prune it.

python benchmarks/science/t_worm.py --root FOLDER
"""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.report import table
from benchmarks.science import pictures
from benchmarks.science.harness import Study, arguments
from benchmarks.science.raw import options_with_root
from benchmarks.science.results import Cell, Claim, Results, Show, mean_sd
from benchmarks.science.worm import (
    LIQUIDS,
    NULLS,
    TESTED,
    TOPOLOGY,
    TRAINED,
    esn,
    judged,
    raw_input,
)

WORM = "worm"
A = {"astrocyte": "multiplicative"}
BEFORE = "unpruned"
STAGES: dict[str, dict[str, Any]] = {
    BEFORE: A,
    "relative": A | {"microglia": "relative"},
    "winner": A | {"microglia": "winner"},
}
GEOMETRY = "degree, delays by distance"
"""A control of what delays do; done before pruning only."""

PURE = tuple(name for name in NULLS if name != GEOMETRY)
UNCONNECTED, RAW = "control: zero recurrent weights", "control: raw input"
CONTROLS: dict[str, dict[str, Any]] = {
    "control: no glia": {},
    UNCONNECTED: A | {"connected": False},
    "control: random pruning, as many edges as winner": A | {"microglia": "random, equal"},
}
TASKS = {"memory": "memory capacity", "templates": "spike templates, % right"}

NOTES = f"""\
Worm: 302 neurons, 5806 edges, chemical and electrical (Cook et al. 2019); mean excitatory weight at
birth 0.2, delays by distance, 1 to 100 ms. Astrocytes (multiplicative) are at work in all rows
unless the row says otherwise; "relative" and "winner": microglia with that criterion as well.

Null models (`analysis.topology.null_model`; the seed of a null is its seed): every edge keeps its
weight and its delay, so delays are those of the worm although targets are not. "Degree": in- and
out-degrees stay, of chemical and electrical edges apart. "Degree and distance": as well, every edge
spans its distance within 10 %. "Random": as many edges between any two neurons; only here edges
also leave other neurons, so that a neuron may excite and inhibit. "Degree, delays by distance": the
nulls of "degree" with the delays that the new distances ask for. "Moved": share of the edges that
have other ends than in the worm; of "degree and distance" 200 rounds of swaps, the default, move
73 to 74 %, 400 move 77 % and 1000 move 79 %.

Every wiring is read by the same {len(LIQUIDS)} liquids (seeds {LIQUIDS[0]}-{LIQUIDS[-1]}: biases,
input weights, inputs), and a value is the mean over them; spreads are over nulls. Memory: linear
capacity over lags 1 to 200; U(-1, 1) to all neurons, 10 ms a sample; 3000 samples to train, 1000 to
test; glia adapt for 40 s, unlabeled, then rest. Templates: three segments of 100 ms, each one of
two Poisson templates of 10 channels; mean accuracy of the first two segments, read at the end;
chance is 50; glia adapt to 39 s of other trials, the readout has {TRAINED} trials, {TESTED} are
tested. Topology: live edges of the first liquid after its adaptation; the spectrum is that of gain
x weight. Nothing was chosen on these seeds; weight, rule of the astrocytes and the settings of the
ESN are those of T7 and T2. I.i.d. uniform delays on the worm stand in T7.

z: worm less the mean of its nulls, in their standard deviations. "Above": how many of the nulls
the worm is above (ties count half). With n nulls, a worm above all or below all has p = 2 / (n + 1)
in a two-sided rank test, for one comparison; the verdict makes 20, without correction.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["celegans"])
    options.seeds = options.seeds or (3 if options.fast else 19)
    study = Study("t_worm", options)
    first = study.seeds[0]
    cells = [Cell(WORM, stage, first, judged, glia) for stage, glia in STAGES.items()]
    for row, params in CONTROLS.items():
        cells.append(Cell(row, BEFORE, first, judged, params))
    cells.append(Cell(RAW, BEFORE, first, raw_input))
    cells.append(Cell("control: ESN of 302 units", BEFORE, first, esn))
    for seed in study.seeds:
        cells += [
            Cell(null, stage, seed, judged, {"wiring": null, **glia})
            for null in NULLS
            for stage, glia in STAGES.items()
            if null in PURE or stage == BEFORE
        ]
    results = study.run(cells)
    title = "The worm as a reservoir, and its null models"
    parts = [
        "## Verdict",
        verdict(results),
        "## Tasks",
        *(tasks_table(results, stage) for stage in STAGES),
        "## Controls",
        controls_table(results),
        "## Topology",
        *(topology_table(results, stage) for stage in STAGES),
    ]
    study.write(title, parts, draw(results), claims(results), NOTES)


def nulls(results: Results, stage: str) -> list[str]:
    """The null models that were done at a stage."""
    return [null for null in NULLS if results.has(null, stage, "memory")]


def z(results: Results, null: str, stage: str, metric: str) -> float:
    """Worm less the mean of its nulls, in their standard deviations; NaN if these do not vary."""
    worm, chance = results.mean(WORM, stage, metric), results.values(null, stage, metric)
    spread = float(chance.std(ddof=1)) if len(chance) > 1 else 0.0
    return (worm - float(chance.mean())) / spread if spread > 1e-9 * abs(worm) else math.nan


def rank(results: Results, null: str, stage: str, metric: str) -> float:
    """How many nulls the worm is above; ties count half."""
    worm, chance = results.mean(WORM, stage, metric), results.values(null, stage, metric)
    same = np.isclose(chance, worm, rtol=1e-9)
    return float((worm > chance)[~same].sum() + 0.5 * same.sum())


def verdict(results: Results) -> str:
    """Where the worm stands among its nulls, task by task and stage by stage."""
    lines = []
    for metric in TASKS:
        for stage in STAGES:
            line = [f"{metric}, {stage}"]
            for null in NULLS:
                line.append(stands(results, null, stage, metric))
            lines.append(line)
    return table(["the worm is", *(f"nulls: {null}" for null in NULLS)], lines)


def stands(results: Results, null: str, stage: str, metric: str) -> str:
    """Above all, below all, or how many it is above; empty where nothing was measured."""
    if null not in nulls(results, stage):
        return ""
    above, count = rank(results, null, stage, metric), len(results.values(null, stage, metric))
    ends = {0.0: "**below all**", float(count): "**above all**"}
    return ends.get(above, f"above {above:g} of {count}")


def tasks_table(results: Results, stage: str) -> str:
    """Both tasks at a stage: the worm, and its nulls with z and rank."""
    head = [stage, "memory", "z", "above", "templates", "z", "above", "moved", "Hz", "edges"]
    lines = []
    for row in (WORM, *nulls(results, stage)):
        line = [row]
        for metric, form in (("memory", ".2f"), ("templates", ".1f")):
            values = results.values(row, stage, metric)
            line.append(mean_sd(values, form))
            known = row != WORM
            line.append(f"{z(results, row, stage, metric):+.1f}" if known else "")
            above = rank(results, row, stage, metric) if known else 0.0
            line.append(f"{above:g} of {len(values)}" if known else "")
        for metric, form in (("moved", ".2f"), ("rate", ".1f"), ("edges", ".0f")):
            line.append(mean_sd(results.values(row, stage, metric), form))
        lines.append(line)
    return table(head, lines)


def controls_table(results: Results) -> str:
    """The worm with other glia or none, and what is no worm."""
    shows = [
        Show("memory", BEFORE, "memory"),
        Show("templates", BEFORE, "templates", ".1f"),
        Show("Hz", BEFORE, "rate", ".1f"),
        Show("edges", BEFORE, "edges", ".0f"),
    ]
    return results.table(shows, [row for row in results.rows if row.startswith("control")])


def topology_table(results: Results, stage: str) -> str:
    """Topology at a stage: the worm, and for each null model mean, sd, and z of the worm."""
    compared = nulls(results, stage)
    head = [stage, WORM]
    for null in compared:
        head += [null, "z"]
    lines = []
    for metric in TOPOLOGY:
        line = [metric, f"{results.mean(WORM, stage, metric):.4g}"]
        for null in compared:
            values, away = results.values(null, stage, metric), z(results, null, stage, metric)
            if math.isnan(away):  # equal in all nulls
                line += [f"{values.mean():.4g}", ""]
            else:
                line += [mean_sd(values, ".3g"), f"{away:+.1f}"]
        lines.append(line)
    return table(head, lines)


def claims(results: Results) -> list[Claim]:
    """What is said of pruning, whatever the wiring."""
    found = []
    for metric in TASKS:
        for stage in ("relative", "winner"):
            gains = [results.mean(WORM, stage, metric) - results.mean(WORM, BEFORE, metric)]
            for null in PURE:
                one, two = (results.values(null, each, metric) for each in (stage, BEFORE))
                gains += list(one - two)
            text = f"{metric}: {stage} above unpruned, the worm and every null"
            shown = f"worm {gains[0]:+.2f}; higher in {sum(g > 0 for g in gains)} of {len(gains)}"
            found.append(Claim(text, shown, min(gains) > 0))
    return found


def draw(results: Results) -> Figure:
    """Both tasks, wiring by wiring, and how far the topology of the worm is from its nulls'."""
    figure, axes = pictures.panels(1, 3, width=5.2, height=4.6, width_ratios=[1, 1, 1.25])
    rng = np.random.default_rng(0)
    for ax, (metric, label) in zip(axes[0], TASKS.items(), strict=False):
        for place, stage in enumerate(STAGES):
            for number, null in enumerate(NULLS):
                if null not in nulls(results, stage):
                    continue
                values = results.values(null, stage, metric)
                x = place + 0.2 * (number - 1.5) + rng.uniform(-0.05, 0.05, len(values))
                name = f"null: {null}" if place == 0 else None
                color = pictures.COLORS[number]
                ax.scatter(x, values, s=14, color=color, alpha=0.7, linewidths=0, label=name)
            worm = results.mean(WORM, stage, metric)
            name = WORM if place == 0 else None
            ends = place - 0.42, place + 0.42
            ax.hlines(worm, *ends, colors="black", linewidth=1.8, label=name, zorder=0)
        for row, style in ((UNCONNECTED, ":"), (RAW, "--")):
            value = results.mean(row, BEFORE, metric)
            ax.axhline(value, color="#808080", linestyle=style, linewidth=1, zorder=0, label=row)
        ax.set_xticks(range(len(STAGES)), [s if s == BEFORE else f"after {s}" for s in STAGES])
        ax.set(ylabel=label)
    axes[0, 0].set_ylim(0, None)
    axes[0, 1].set_ylim(50, None)
    distances(axes[0, 2], results)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def distances(ax: Any, results: Results) -> None:
    """Each measure of the topology in a line: z of the worm before pruning, by null model."""
    shown = [
        name for name in TOPOLOGY if name not in ("num_edges", "largest_strong", "mean_delay_ms")
    ]
    for number, null in enumerate(PURE):
        away = [z(results, null, BEFORE, name) for name in shown]
        y = np.arange(len(shown)) + 0.22 * (number - 1)
        ax.scatter(away, y, s=22, color=pictures.COLORS[number], linewidths=0)
    ax.axvspan(-2, 2, color="#e8e8e8", zorder=0)
    ax.set_xscale("symlog", linthresh=2)
    ticks = [-100, -10, -2, 0, 2, 10, 100, 1000]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks(range(len(shown)), shown, fontsize=8)
    ax.invert_yaxis()
    ax.grid(axis="y", linewidth=0.3)
    ax.set_xlabel("topology, unpruned: z of the worm among its nulls (gray: |z| < 2)")


if __name__ == "__main__":
    main()
