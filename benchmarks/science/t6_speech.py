"""T6: spoken digits by segments, and at their end; the recipes are chosen on held-out takes.

python benchmarks/science/t6_speech.py --root FOLDER --jobs 2
"""

from typing import Any

from benchmarks.science.harness import Study, arguments
from benchmarks.science.ladder import ALL, HEALTH, draw, ladder, network, reached, tables
from benchmarks.science.raw import options_with_root
from benchmarks.science.recognition import HELD_OUT, recognize

TASKS: dict[str, dict[str, Any]] = {
    "fsdd end": {"data": "fsdd", "recipe": "spoken_digits_at_end", "num_nodes": 1000},
    "fsdd segments": {"data": "fsdd", "recipe": "spoken_digits", "num_nodes": 1000},
}

TITLES = {
    "fsdd end": "Spoken digits, state at the end",
    "fsdd segments": "Spoken digits, means of five segments",
}

FIRST = {"degree": 8.0, "rho": 0.02, "input_density": 0.3, "input_scale": 1.0}
LAST = {"max_delay": 300, "rho": 0.03, "input_density": 0.6, "tau_trace": 60.0}
WINNER = {"criterion": "winner", "keep": None}

SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "fsdd end": {
        "200 ms, trace 40 ms": FIRST | {"max_delay": 200, "tau_trace": 40.0},
        "200 ms, trace 60 ms": FIRST | {"max_delay": 200, "tau_trace": 60.0},
        "300 ms": FIRST | LAST,
        "300 ms, scale 1.5": FIRST | LAST | {"input_scale": 1.5},
        "300 ms, scale 2": FIRST | LAST | {"input_scale": 2.0},
        "300 ms, scale 2, K 4": FIRST | LAST | {"input_scale": 2.0, "degree": 4.0},
    },
    "fsdd segments": {
        "health": FIRST | HEALTH,
        "winner": FIRST | WINNER,
        "winner, scale 2, density 0.6": FIRST | WINNER | {"input_scale": 2.0, "input_density": 0.6},
    },
}
"""What the recipes are chosen from, each with the glia of the target."""

GLIA = {"fsdd end": {"glia": ALL[:2]}, "fsdd segments": {"glia": ALL}}

TARGETS = [
    ("fsdd end", "A+O", 84.0),
    ("fsdd end", "A+O", 88.0),
    ("fsdd end", "A+O+M", 84.0),
    ("fsdd segments", "A+O+M", 99.0),
    ("fsdd segments", "A+O+M, winner", 99.0),
]

NOTES = """\
Recipes `spoken_digits_at_end` and `spoken_digits`, both with 1000 neurons, each with the glia that
the row names; M is relative health unless said. Takes 0 to 4 of every speaker are for testing (300
items, one is 0.33 points), the others for training (2700). All that was chosen, the settings of the
recipes (--fast: as they stand there) and of the ESN, was chosen by the accuracy on takes 5 to 9
after training on takes 10 to 49. What was put up for choice came from cross-validation within the
training takes, on seed 0. The state at the end is a trace of 60 ms, two time constants of the
membrane. Longer traces go on raising the accuracy (120 ms by 2.6 points, there) and were left out:
they move the memory from the liquid to its readout; what the trace gives without recurrence stands
in the row of zero recurrent weights. The ESN is read in its last state. Raw input: the same readout
on the last sample, or the means of the segments. Events: synaptic events of one item.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["fsdd"])
    study = Study("t6_speech", options)
    cells = []
    titles = {name: title for name, title in TITLES.items() if name == "fsdd end" or not study.fast}
    for name in titles:
        params = TASKS[name]
        if study.fast:
            cells += ladder(name, params, study.seeds)
        else:
            cells += ladder(name, params | chosen(study, name), study.seeds)
            cells += network(study, name, params, HELD_OUT["fsdd"])
    results = study.run(cells)
    claims = reached(results, titles, TARGETS)
    study.write("Spoken digits", tables(results, titles), draw(results, titles), claims, NOTES)


def chosen(study: Study, name: str) -> dict[str, Any]:
    """The setting of a recipe that is best on the held-out takes."""
    params = TASKS[name] | HELD_OUT["fsdd"] | GLIA[name]
    settings = {each: params | changes for each, changes in SETTINGS[name].items()}
    what = f"recipe for {name}"
    return SETTINGS[name][study.choose(what, recognize, settings, "accuracy", seeds=range(3))]


if __name__ == "__main__":
    main()
