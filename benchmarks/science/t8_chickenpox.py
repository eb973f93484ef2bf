"""T8: chickenpox in Hungary, a liquid on the graph of counties beside lines through past weeks.

python benchmarks/science/t8_chickenpox.py --root FOLDER
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN
from benchmarks.science.counties import esn, linear, liquid, zero
from benchmarks.science.harness import Study, arguments
from benchmarks.science.raw import options_with_root
from benchmarks.science.results import Cell, Claim, Results, Show

TEST = "test"
"""The one column of cells."""

A = {"astrocyte": "multiplicative"}
ALONE = "control: zero recurrent weights"
ZERO = "control: zero"
BEST_LINE = "control: AR(52) + neighbors' mean"
STRONG = 10.0

ESN_SETTINGS = {
    f"radius {radius:g}, leak {leak:g}, input {scale:g}": {
        "radius": radius,
        "leak": leak,
        "input_scale": scale,
    }
    for radius, leak, scale in ((0.9, 1.0, 0.1), (0.9, 0.3, 0.1), (0.9, 0.3, 0.5), (0.99, 0.1, 0.1))
}

LINES: dict[str, dict[str, Any]] = {
    "control: AR(4)": {"lags": 4},
    "control: AR(8)": {"lags": 8},
    "control: AR(52)": {"lags": 52},
    BEST_LINE: {"lags": 52, "neighbor": True},
}

SHOWS = [
    Show("alone", TEST, "mse", ".3f"),
    Show("mean of several nets", TEST, "mean", ".3f"),
    Show("with 4 weeks", TEST, "lags", ".3f"),
    Show("with 52 weeks and neighbors", TEST, "year", ".3f"),
    Show("Hz", TEST, "rate", ".1f"),
    Show("events / ms", TEST, "events", ".0f"),
]

NOTES = """\
Mean squared error over the last 52 weeks of 20 counties (10 % of 517 snapshots, standardized as
published, each forecast one week ahead). One liquid of 50 neurons is copied to every county
(`generators.replicate`: same wiring, weights, delays, input and bias): 150 synapses within, 150
along each of the 82 edges between counties, scaled by 1 / sqrt(in-degree); edges from a county to
itself are left out. Delays are i.i.d. uniform, 1 to 60 ms, in all rows but one. A week lasts 20 ms,
its value is the drive through weights N(0, s). A: astrocytes (multiplicative, 20 Hz) see the
training weeks three times, then rest; after that gains differ from county to county. States: spikes
low-passed with 20 and 100 ms, 100 numbers per county; one ridge for all counties, its penalty from
the last fifth of the training weeks. "With ...": the readout gets these weeks beside the states.
"Mean": of the forecasts of as many nets as seeds, each alone. Random pruning comes before copies
are made: glia that prune county by county would end the sharing. AR(k): the same ridge on the
last k weeks; lines and zero draw nothing. ESN: 100 units in each county, as many as states. The
graph networks that were published with the data score 1.11 to 1.13 (recalled from the paper).
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["pyg_temporal"])
    study = Study("t8_chickenpox", options)
    base = choices(study)
    rows = {
        "A": base | A,
        "none": base,
        f"{STRONG:g} x weight, A": base | A | {"weight": STRONG * base["weight"]},
        f"{STRONG:g} x weight, none": base | {"weight": STRONG * base["weight"]},
        "control: A, no edges between counties": base | A | {"joined": False},
        "control: A, all delays 1 ms": base | A | {"max_delay": 1},
        "control: A, random pruning to 1/3": base | A | {"keep": 1 / 3},
        ALONE: base | {"connected": False},
    }
    nets = len(study.seeds)
    settings = {name: {"setting": setting} for name, setting in ESN_SETTINGS.items()}
    chosen = study.choose("ESN", esn, settings, "validation", min)
    calls = [(row, liquid, {"nets": nets, **params}) for row, params in rows.items()]
    calls.append((ESN, esn, settings[chosen]))
    cells = [
        Cell(row, TEST, seed, function, params)
        for row, function, params in calls
        for seed in study.seeds
    ]
    first = study.seeds[0]
    cells += [Cell(row, TEST, first, linear, params) for row, params in LINES.items()]
    results = study.run([*cells, Cell(ZERO, TEST, first, zero)])
    title = "Chickenpox in Hungary, one week ahead"
    study.write(title, [results.table(SHOWS)], draw(results, list(rows)), claims(results), NOTES)


def choices(study: Study) -> dict[str, Any]:
    """Weight and size of the input, chosen with astrocytes on weeks before the test."""
    settings = {
        f"weight {weight:g}, input {size:g}": {"weight": weight, "input_weight": size}
        for weight in (0.1, 0.2)
        for size in (0.3, 1.0)
    }
    called = {name: A | setting for name, setting in settings.items()}
    return settings[study.choose("liquid", liquid, called, "validation", min)]


def claims(results: Results) -> list[Claim]:
    """What is said of the liquid, and of what it adds."""

    def error(row: str, metric: str = "mse") -> float:
        return results.mean(row, TEST, metric)

    strong = [f"{STRONG:g} x weight, {glia}" for glia in ("A", "none")]
    near, off = (error(row) - error("A") for row in strong)
    edges = error("control: A, no edges between counties") - error("A")
    both = error("A", "lags")
    return [
        Claim("A with 4 weeks: at most 0.79", f"{both:.3f}", both <= 0.79),
        Claim(
            "A with 4 weeks: below AR(4)",
            f"{both:.3f}, AR(4) {error('control: AR(4)'):.3f}",
            both < error("control: AR(4)"),
        ),
        Claim(
            "10 x weight, alone: at most 0.03 worse with A, at least 0.1 without",
            f"{near:+.3f}, {off:+.3f}",
            near <= 0.03 and off >= 0.1,
        ),
        Claim(
            "A alone: not above none, at the chosen weight",
            f"{error('A'):.3f}, none {error('none'):.3f}",
            error("A") <= error("none"),
        ),
        Claim(
            "A alone: edges between counties help by 0.01", f"{edges:+.3f} without", edges >= 0.01
        ),
        Claim(
            "A with 4 weeks: below zero recurrent weights by 0.01",
            f"{both:.3f}, {error(ALONE, 'lags'):.3f}",
            error(ALONE, "lags") - both >= 0.01,
        ),
        Claim(
            "A with 4 weeks: below the ESN with 4 weeks",
            f"{both:.3f}, {error(ESN, 'lags'):.3f}",
            both < error(ESN, "lags"),
        ),
        Claim(
            "A with 52 weeks and neighbors: below the line through the same",
            f"{error('A', 'year'):.3f}, {error(BEST_LINE):.3f}",
            error("A", "year") < error(BEST_LINE),
        ),
        Claim(
            "A with 52 weeks and neighbors: at most 0.70",
            f"{error('A', 'year'):.3f}",
            error("A", "year") <= 0.70,
        ),
    ]


def draw(results: Results, rows: list[str]) -> Figure:
    """Errors of the states alone and with what lines are given, between lines."""
    figure, axes = pictures.panels(1, 1, width=8.0, height=5.0)
    ax, rows = axes[0, 0], [*rows, ESN]
    series = (("mse", "states alone"), ("lags", "and 4 weeks"), ("year", "and 52 weeks, neighbors"))
    for number, (metric, label) in enumerate(series):
        found = [results.values(row, TEST, metric) for row in rows]
        mean = [float(values.mean()) for values in found]
        sd = [float(values.std(ddof=1)) if len(values) > 1 else 0.0 for values in found]
        place = [y + 0.2 * (number - 1) for y in range(len(rows))]
        ax.errorbar(mean, place, xerr=sd, fmt="o", color=pictures.COLORS[number], label=label)
    for row in (ZERO, "control: AR(4)", "control: AR(52)", BEST_LINE):
        x = results.mean(row, TEST, "mse")
        ax.axvline(x, color="#808080", linestyle="--", linewidth=1.0, zorder=0)
        label = row.removeprefix("control: ")
        place = {"xy": (x, 1.0), "xycoords": ax.get_xaxis_transform(), "rotation": 45}
        ax.annotate(label, **place, fontsize=8, color="#606060", va="bottom")
    ax.set_yticks(range(len(rows)), [row.removeprefix("control: ") for row in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("mean squared error on the last 52 weeks")
    ax.legend(fontsize=8, frameon=False, loc="lower center")
    return figure


if __name__ == "__main__":
    main()
