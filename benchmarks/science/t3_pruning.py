"""T3: pruning from all edges to 8 %, by every criterion: memory, accuracy and events.

python benchmarks/science/t3_pruning.py --jobs 2
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import series_controls
from benchmarks.science.harness import Study, arguments
from benchmarks.science.protocol import CRITERIA, series
from benchmarks.science.results import Cell, Claim, Results, Show
from benchmarks.science.templates import template_controls, template_options, templates

KEEP = {"100 %": 1.0, "50 %": 0.5, "25 %": 0.25, "15 %": 0.15, "7.6 %": 0.076}
ALL, LEAST = "100 %", "7.6 %"
EQUAL = "random, equal"

BARE = {"degree": 16.0, "weight": 0.3, "oligodendrocyte": "uniform"}
BASE = BARE | {"astrocyte": "multiplicative"}

OTHERS: dict[str, dict[str, Any]] = {
    "no astrocytes: winner": BARE | {"microglia": "winner"},
    "no astrocytes: random, equal": BARE | {"microglia": EQUAL},
    "delays by distance: winner": BASE | {"oligodendrocyte": None, "microglia": "winner"},
}
SINGLE: dict[str, dict[str, Any]] = {
    "control: no glia": BARE,
    "control: zero recurrent weights": BARE | {"connected": False},
}

NOTES = """\
512 neurons, in-degree 16 before pruning, weight 0.3, delays drawn once from U(1, 100) ms,
astrocytes (multiplicative). Columns: the share of edges at which microglia stop. They prune within
the 40 s of adaptation (16 % of the edges a second; `winner`: up to two inputs of each kind from
each target), then rest with everything else; `winner` ends by itself at about 7.6 %. `threshold`:
health below 0.1, which may end earlier. `health` and `relative`: the lowest health, as it is and
less that of the target's other inputs. `random`: at least one input stays with each target.
`random, equal`: as many excitatory and inhibitory edges go at every tick as with `winner`, but any.
`long`: a bonus for long delays. Memory: linear capacity over lags 1 to 200, 3000 samples of 10 ms
to train, 1000 to test. Templates: see T2. Criteria have the defaults of the library, chosen on
other seeds.
"""


def main() -> None:
    study = Study("t3_pruning", arguments(__doc__).parse_args())
    levels = [ALL, "15 %", LEAST] if study.fast else list(KEEP)
    measured = {"measures": ["memory", "narma10"]}
    pruned: dict[str, dict[str, Any]] = {name: BASE | {"microglia": name} for name in CRITERIA}
    size = template_options(study)
    told = [ALL, LEAST] if study.fast else [ALL, "15 %", LEAST]
    cells = []
    for row, liquid in {**pruned, **OTHERS}.items():
        for level in levels:
            # A liquid that keeps all of its edges has no microglia.
            stop = {"keep": KEEP[level]} if level != ALL else {"microglia": None}
            for seed in study.seeds:
                params = {**liquid, **stop}
                cells.append(Cell(row, level, seed, series, {**params, **measured}))
                if level in told and row in pruned:
                    spiky = {**params, **size}
                    cells.append(Cell(row, f"{level}, templates", seed, templates, spiky))
    for row, liquid in SINGLE.items():
        for seed in study.seeds:
            cells.append(Cell(row, ALL, seed, series, {**liquid, **measured}))
            cells.append(Cell(row, f"{ALL}, templates", seed, templates, {**liquid, **size}))
    cells += series_controls(study, [ALL], measured["measures"])
    cells += template_controls(study, [f"{ALL}, templates"])
    results = study.run(cells)
    parts = []
    for metric, title, form in (
        ("memory", "Memory", ".2f"),
        ("narma10", "NARMA-10, NRMSE", ".3f"),
        ("templates", "Spike templates, %", ".1f"),
        ("events", "Synaptic events per ms", ".1f"),
        ("edges", "Edges", ".0f"),
        ("inhibitory", "Inhibitory edges", ".0f"),
        ("rate", "Rate, Hz", ".1f"),
    ):
        columns = {x: f"{x}, templates" if metric == "templates" else x for x in levels}
        shows = [
            Show(head, column, metric, form)
            for head, column in columns.items()
            if any(results.has(row, column, metric) for row in results.rows)
        ]
        rows = [
            row for row in results.rows if any(results.has(row, s.column, metric) for s in shows)
        ]
        parts += [f"## {title}", results.table(shows, rows)]
    title = "Pruning: what each criterion leaves"
    study.write(title, parts, draw(results, list(pruned), levels), claims(results), NOTES)


def claims(results: Results) -> list[Claim]:
    """What is said of pruning, and of structural health against chance."""
    found = []
    for row in ("winner", "winner, long"):
        gone = {
            metric: 1.0 - results.mean(row, LEAST, metric) / results.mean(row, ALL, metric)
            for metric in ("edges", "events")
        }
        text = f"{row}: at least 85 % of edges and events gone"
        shown = f"{gone['edges']:.1%} of edges, {gone['events']:.1%} of events"
        found.append(Claim(text, shown, min(gone.values()) >= 0.85))
        memory = results.mean(row, LEAST, "memory")
        for text, other in (
            (f"{row}: memory up by at least 30 %", results.mean(row, ALL, "memory")),
            (
                f"{row}: memory at least 30 % above random pruning, equal counts",
                results.mean(EQUAL, LEAST, "memory"),
            ),
        ):
            more = memory / other - 1.0
            found.append(Claim(text, f"{memory:.2f} / {other:.2f}: {more:+.0%}", more >= 0.3))
    counts = [
        results.values(row, LEAST, metric).tolist()
        for row in ("winner", EQUAL)
        for metric in ("edges", "inhibitory")
    ]
    same = counts[0] == counts[2] and counts[1] == counts[3]
    shown = f"{counts[0]} and {counts[2]}"
    found.append(Claim("winner and its control keep as many edges of each kind", shown, same))
    return found


def draw(results: Results, rows: list[str], levels: list[str]) -> Figure:
    """Memory, accuracy and events against the share kept."""
    figure, axes = pictures.panels(1, 3, width=4.6, height=4.6)
    for ax, metric, title in zip(
        axes[0],
        ("memory", "templates", "events"),
        ("memory capacity", "templates, %", "synaptic events / ms"),
        strict=True,
    ):
        for place, row in enumerate(rows):
            columns = {x: f"{x}, templates" if metric == "templates" else x for x in levels}
            shown = {x: each for x, each in columns.items() if results.has(row, each, metric)}
            total = results.mean(row, ALL, "edges")
            kept = [100.0 * results.mean(row, x, "edges") / total for x in shown]
            values = [results.values(row, each, metric) for each in shown.values()]
            pictures.curve(ax, kept, values, place, row)
        pictures.decades(ax, [100.0 * KEEP[x] for x in levels])
        ax.invert_xaxis()
        ax.set(xlabel="edges kept, %", ylabel=title)
    axes[0, 0].set_ylim(0, None)
    axes[0, 2].set_yscale("log")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


if __name__ == "__main__":
    main()
