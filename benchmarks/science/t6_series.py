"""T6: events of a camera, and vowels of nine speakers.

python benchmarks/science/t6_series.py --root FOLDER --jobs 2
"""

from typing import Any

from benchmarks.science.harness import Study, arguments
from benchmarks.science.ladder import draw, ladder, network, reached, tables
from benchmarks.science.raw import options_with_root

TASKS: dict[str, dict[str, Any]] = {
    "n-mnist": {"data": "n-mnist small", "recipe": "event_classifier"},
    "vowels": {"data": "japanese vowels", "recipe": "series_classifier"},
}

TITLES = {"n-mnist": "N-MNIST small, 5-fold", "vowels": "Japanese vowels"}

TARGETS = [("n-mnist", "A", 93.5), ("vowels", "A", 98.9)]

NOTES = """\
Recipes `event_classifier` and `series_classifier`, each with the glia that the row names; M is
relative health unless said. Raw input: the same readout on the means of the segments. N-MNIST: all
1100 recordings in five parts, each tested on once. Vowels: the published split, 270 and 370 series;
one item is 0.27 points. Events: synaptic events of one item. The setting of the ESN was chosen by
its accuracy on the test items, which favors that control; frames of events are left out there.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["nmnist_small", "japanese_vowels"])
    study = Study("t6_series", options)
    titles = {name: title for name, title in TITLES.items() if name == "vowels" or not study.fast}
    cells = [cell for name in titles for cell in ladder(name, TASKS[name], study.seeds)]
    if not study.fast:
        cells += network(study, "vowels", TASKS["vowels"])
    results = study.run(cells)
    claims = reached(results, titles, TARGETS)
    study.write(
        "Events and short series", tables(results, titles), draw(results, titles), claims, NOTES
    )


if __name__ == "__main__":
    main()
