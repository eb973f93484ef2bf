"""Open question: does coherence over several hops remember more than over one?

python benchmarks/science/t_hops.py --jobs 2
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.harness import Study, arguments
from benchmarks.science.hops import hops
from benchmarks.science.results import Cell, Claim, Results, Show
from benchmarks.science.verdicts import above, paired, shown, sure

CHANCE, ONE = "two delays of a target, by chance", "coherence (one hop)"
ORIENTED, ARRIVING = "rule: oriented by the input", "rule: by what arrives"
RULES: dict[str, dict[str, Any]] = {
    CHANCE: {"rule": "two"},
    ONE: {"rule": "coherence"},
    ORIENTED: {"rule": "oriented"},
    ARRIVING: {"rule": "arriving"},
}
ORACLES = {
    "oracle, two delays, one hop": ("one", "two"),
    "oracle, two delays, all hops": ("all", "two"),
    "oracle, ten delays, one hop": ("one", "ten"),
    "oracle, ten delays, all hops": ("all", "ten"),
}

NOTES = """\
512 neurons, in-degree 8, weight 0.2, astrocytes, up to 100 ms; glia adapt for 40 s without labels,
then rest. Every target has two delays, the same in all rows; what differs is which afferent takes
which. `coherence`: by the undelayed spikes of the afferents. Oriented: the same, with loadings that
take the sign that the input has on the target, so that second hops add up. By what arrives: an
afferent takes the delay at which its spikes agree with the others that arrive then, and these have
come over any number of hops. (Both are rules written for this table; their equations stand in
`hops.py`.) Oracles know how every neuron responds to the last 60 samples of the input, one hop: to
the last 4 only; delays are chosen so that the sum over the afferents has the largest square, four
times, with 20 s of adaptation after each. Ten delays: 10, 20, ... 100 ms instead of two for each
target. Sorted: share of afferents whose delay tells their sign, one hop away (chance is above a
half). Memory: linear capacity over lags 1 to 200; NARMA-10: NRMSE; 3000 samples of 10 ms to train,
1000 to test. No parameter was chosen: those of `coherence` serve all rules. A claim holds if the
95 % confidence interval of the mean paired difference (Student's t) lies above 0. I.i.d. uniform
delays, zero recurrent weights, the raw input and an ESN stand in `t_rules` (K 8, 100 ms), no glia
in T4: the liquid and its seeds are the same. Nothing is pruned here.
"""


def main() -> None:
    study = Study("t_hops", arguments(__doc__).parse_args())
    adapt = {"adapt": 10.0} if study.fast else {}
    rows = RULES | {row: {"oracle": list(oracle)} for row, oracle in ORACLES.items()}
    results = study.run(
        Cell(row, "", seed, hops, {**params, **adapt})
        for row, params in rows.items()
        for seed in study.seeds
    )
    shows = [
        Show("memory", "", "memory"),
        Show("NARMA-10", "", "narma10", ".3f"),
        Show("events / ms", "", "events", ".0f"),
        Show("sorted", "", "sorted"),
    ]
    parts = ["## Verdict", verdict(results), "## Rules and oracles", results.table(shows)]
    title = "Coherence over several hops"
    study.write(title, parts, draw(results), claims(results), NOTES)


def claims(results: Results) -> list[Claim]:
    """What is said of several hops against one."""
    found = [above(results, ONE, CHANCE, "")]
    found += [above(results, row, ONE, "") for row in (ORIENTED, ARRIVING)]
    two, ten = list(ORACLES)[:2], list(ORACLES)[2:]
    return [*found, above(results, two[1], two[0], ""), above(results, ten[1], ten[0], "")]


def verdict(results: Results) -> str:
    """What the comparisons allow to be said."""
    gains = {row: paired(results, row, ONE, "", "memory") for row in (ORIENTED, ARRIVING)}
    better = [row for row, gain in gains.items() if sure(gain)]
    listed = "; ".join(f"{row} {shown(gain)}" for row, gain in gains.items())
    first = f"more memory with {' and '.join(better)}" if better else "no gain"
    one, all_hops = (results.values(row, "", "memory") for row in list(ORACLES)[:2])
    ten = paired(results, *list(ORACLES)[:1:-1], "", "memory")
    return (
        f"Coherence over several hops: **{first}**. Against `coherence`, memory changes by: "
        f"{listed}.\n\n"
        f"Knowing the responses to all of the past instead of one hop changes that of an oracle by "
        f"{shown(all_hops - one)} with two delays for each target, and by {shown(ten)} with ten."
    )


def draw(results: Results) -> Figure:
    """Memory of each rule and oracle, seed by seed."""
    figure, axes = pictures.panels(1, 1, width=7.0, height=3.8)
    ax = axes[0, 0]
    for number, row in enumerate(results.rows):
        values = results.values(row, "", "memory")
        ax.barh(number, values.mean(), color=pictures.COLORS[row in ORACLES], alpha=0.6)
        ax.plot(values, np.full(len(values), number), "o", color="#000000", markersize=3)
    ax.set_yticks(np.arange(len(results.rows)), results.rows, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("memory capacity (dots: seeds)")
    return figure


if __name__ == "__main__":
    main()
