"""Open question: does a winner chosen by activity remember more than one chosen by structure?

python benchmarks/science/t_activity.py --jobs 2
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.contests import contest
from benchmarks.science.harness import Study, arguments
from benchmarks.science.results import Cell, Claim, Results, Show
from benchmarks.science.verdicts import above, paired, shown, sure

SENSED: dict[str, dict[str, Any]] = {
    "health, window": {"measure": "health", "trace": "window"},
    "health, coincidence": {"measure": "health", "trace": "coincidence"},
    "calcium of the source": {"measure": "calcium"},
}
"""What is known of the activity of an input."""

RANDOM, WINNER, CHANCE = "control: random, equal counts", "winner", "alone: chance"
FIXED: dict[str, dict[str, Any]] = {
    "control: unpruned": {"kind": "none"},
    RANDOM: {"kind": "random"},
    WINNER: {"kind": "winner"},
    CHANCE: {"kind": "alone", "measure": "chance"},
}
ADDED, AGAINST, INSTEAD = "activity added", "activity added, negative", "activity alone"
PARTS = {ADDED: (0.5, 1.0, 3.0), AGAINST: (-0.5, -1.0)}

NOTES = """\
512 neurons, in-degree 16, weight 0.3, delays drawn once from U(1, 100) ms, astrocytes; glia adapt
for 40 s without labels, then rest. Every pruned row ends with the same numbers of excitatory and
inhibitory edges. `winner`: the health of an input is (1 + 0.3 chance + part x activity) / (boutons
of its axon), activity the rank of what is sensed among the target's inputs of its kind, 0 to 1.
"Alone": one score decides who stays, axons share nothing. "Chance" is the control of that: one
input for each target, any. Health: spikes of the target soon after an arrival (window) or at the
same step (coincidence), as the microglia sense it; calcium: how active the source is. Memory:
linear capacity over lags 1 to 200; NARMA-10: NRMSE; 3000 samples of 10 ms to train, 1000 to test.
Delay: mean of what is left. Boutons: of the axon that has most. A claim holds if the 95 %
confidence interval of the mean paired difference (Student's t) lies above 0; activity is said to
gain if it does so against structure and against chance. No glia, zero recurrent weights, the raw
input and an ESN stand in T3: its liquid is the same before pruning, and so are seeds 100-104 and
their inputs.
"""


def main() -> None:
    study = Study("t_activity", arguments(__doc__).parse_args())
    rows = FIXED | chosen(study)
    cells = [
        Cell(row, "", seed, contest, params) for row, params in rows.items() for seed in study.seeds
    ]
    results = study.run(cells)
    shows = [
        Show("memory", "", "memory"),
        Show("NARMA-10", "", "narma10", ".3f"),
        Show("events / ms", "", "events", ".1f"),
        Show("Hz", "", "rate", ".1f"),
        Show("edges", "", "edges", ".0f"),
        Show("delay, ms", "", "delay", ".0f"),
        Show("boutons", "", "boutons", ".1f"),
    ]
    pick = {what: next(row for row in rows if row.startswith(f"{what}:")) for what in SETTINGS}
    parts = ["## Verdict", verdict(results, pick), "## Criteria", results.table(shows)]
    title = "A winner chosen by activity"
    study.write(title, parts, draw(results), claims(results, pick), NOTES)


def _settings() -> dict[str, dict[str, dict[str, Any]]]:
    """What is chosen from: by how activity counts, settings by name."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for what, parts in PARTS.items():
        found[what] = {
            f"{part:+g} {name}": {"kind": "winner", "part": part, **sensed}
            for part in parts
            for name, sensed in SENSED.items()
        }
    found[INSTEAD] = {
        f"{word} {name}": {"kind": "alone", "part": part, **sensed}
        for word, part in (("highest", 1.0), ("lowest", -1.0))
        for name, sensed in SENSED.items()
    }
    return found


SETTINGS = _settings()


def chosen(study: Study) -> dict[str, dict[str, Any]]:
    """The best setting of each way in which activity may count, by memory."""
    rows = {}
    for what, settings in SETTINGS.items():
        asked = {name: {**params, "measures": ["memory"]} for name, params in settings.items()}
        name = study.choose(what, contest, asked, "memory")
        rows[f"{what}: {name}"] = settings[name]
    return rows


def claims(results: Results, pick: dict[str, str]) -> list[Claim]:
    """What is said of activity, of structure and of chance."""
    controls = (WINNER, CHANCE)
    found = [above(results, pick[w], control, "") for w in SETTINGS for control in controls]
    return [*found, above(results, WINNER, CHANCE, ""), above(results, CHANCE, RANDOM, "")]


def verdict(results: Results, pick: dict[str, str]) -> str:
    """What the comparisons allow to be said."""
    gains = {what: paired(results, row, WINNER, "", "memory") for what, row in pick.items()}
    better = [
        row
        for row in pick.values()
        if all(sure(paired(results, row, control, "", "memory")) for control in (WINNER, CHANCE))
    ]
    listed = "; ".join(f"{pick[what]} {shown(gain)}" for what, gain in gains.items())
    first = f"more memory with {' and '.join(better)}" if better else "no gain"
    chance, random = (results.mean(row, "", "memory") for row in (CHANCE, RANDOM))
    share = (chance - random) / (results.mean(WINNER, "", "memory") - random)
    return (
        f"Activity in the choice of the winner: **{first}** over both structure and chance. "
        f"Against `winner`, by structure alone, memory changes by: {listed}.\n\n"
        f"That each target keeps one input matters, not which one: a winner by chance has "
        f"{share:.0%} of what `winner` gains over random pruning at equal counts."
    )


def draw(results: Results) -> Figure:
    """Memory of each criterion, seed by seed."""
    figure, axes = pictures.panels(1, 1, width=8.0, height=4.2)
    ax, place = axes[0, 0], np.arange(len(results.rows))
    for number, row in enumerate(results.rows):
        values = results.values(row, "", "memory")
        color = pictures.COLORS[number % len(pictures.COLORS)]
        ax.barh(number, values.mean(), color=color, alpha=0.6)
        ax.plot(values, np.full(len(values), number), "o", color="#000000", markersize=3)
    ax.set_yticks(place, [row.removeprefix("control: ") for row in results.rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("memory capacity (dots: seeds)")
    return figure


if __name__ == "__main__":
    main()
