"""The commands ``demo`` and ``run``: a recipe on a data set, beside its controls."""

import argparse
import errno
import json
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyngn_graph
from pyngn_graph.classification import Classification, chance, classify, classify_raw
from pyngn_graph.cli.facts import versions
from pyngn_graph.datasets import FSDD, Digits
from pyngn_graph.datasets.series import SeriesDataset
from pyngn_graph.diagnosis import Diagnosis
from pyngn_graph.ledger import Ledger
from pyngn_graph.recipes import RECIPES, Recipe
from pyngn_graph.report import Experiment, experiment_report
from pyngn_graph.storage import digest, write_bytes

READ = {("digits", "segments"): "digits_by_rows", ("digits", "end"): "self_organizing"}
READ |= {("fsdd", "segments"): "spoken_digits", ("fsdd", "end"): "spoken_digits_at_end"}
WITH, WITHOUT, RAW = "with glia", "without glia", "raw input"


def run_experiment(options: argparse.Namespace) -> None:
    """Classifies with glia, without and from the raw input; prints a table, writes a report."""
    if options.resume and options.checkpoint is None:
        raise ValueError("'--resume' needs '--checkpoint', the file to go on from")
    recipe = _recipe(options)
    train, test = _datasets(options)
    if options.out is not None:
        _make_folder(options.out)
    started = time.perf_counter()
    progress = False if options.quiet else None
    seeds = list(range(options.seed, options.seed + options.seeds))
    ledger = Ledger(options.checkpoint, options.resume, _identity(options, recipe, train, test))
    variants = {WITH: recipe, WITHOUT: recipe.bare()} if recipe.glia else {WITHOUT: recipe}
    shown: Classification | None = None
    for seed in seeds:
        for name, variant in variants.items():
            # What is done is not done again, unless the report has to show it.
            if ledger.get(seed, name) and (shown is not None or options.out is None):
                continue
            run_file = ledger.run_file(seed) if variant.glia else None
            result = classify(variant, train, test, seed, progress, run_file)
            ledger.put(seed, name, [result.accuracy, result.synaptic_events])
            if shown is None:
                shown = result
        if seed != options.seed:
            ledger.remove(seed)
    done = {name: [ledger.get(seed, name) for seed in seeds] for name in variants}
    results = {
        "dataset": options.dataset,
        "read": options.read,
        "recipe": asdict(recipe),
        "seeds": seeds,
        "accuracy": {name: [accuracy for accuracy, _ in found] for name, found in done.items()}
        | {RAW: [classify_raw(recipe, train, test)]},
        "chance": chance(train.y, test.y),
        "synaptic_events_per_ms": {
            name: [events for _, events in found] for name, found in done.items()
        },
        "seconds": round(time.perf_counter() - started, 1),
        "versions": versions(),
    }
    diagnosis = None if shown is None else shown.reservoir.diagnose(test.x, test.lengths)
    report = None
    if options.out is not None and shown is not None:
        text = json.dumps(results, indent=2) + "\n"
        write_bytes(options.out / "results.json", text.encode())
        if shown.life is not None:
            report = experiment_report(
                options.out / "report.html", _experiment(results, recipe, shown, test, diagnosis)
            )
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        print(_table(results, len(test)))
        if diagnosis is not None:
            print(f"\n{diagnosis}")
        if options.out is not None:
            print(f"\nReport: {report}" if report else f"\nResults: {options.out / 'results.json'}")
    ledger.remove(options.seed)
    ledger.remove()


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = RECIPES[READ[options.dataset, options.read]]()
    if options.glia is not None:
        recipe = replace(recipe, glia=options.glia)
    if options.num_nodes is not None:
        recipe = replace(recipe, num_nodes=options.num_nodes)
    if options.weight is not None:
        recipe = replace(recipe, weight=options.weight)
    recipe.tissue(options.seed)  # sizes that cannot be are refused before anything is loaded
    if options.demo and options.out is None:
        options.out = Path("pyngn-demo")
    return recipe


def _identity(
    options: argparse.Namespace, recipe: Recipe, train: SeriesDataset, test: SeriesDataset
) -> dict[str, Any]:
    """What tells this command from another one, for its checkpoint."""
    data = {"train": train.x, "train y": train.y, "test": test.x, "test y": test.y}
    return {
        "version of pyngn-graph": pyngn_graph.__version__,
        "data": digest(data, repr((train.lengths.tolist(), test.lengths.tolist()))),
        "recipe": repr(recipe),
        "seeds": [options.seed, options.seeds],
    }


def _make_folder(path: Path) -> None:
    """Makes sure, before the work begins, that its results can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise OSError(
            f"Cannot write into '{path}' ({error.strerror}); name another folder with '--out'"
        ) from error


def _datasets(options: argparse.Namespace) -> tuple[SeriesDataset, SeriesDataset]:
    if options.dataset == "digits":
        if options.root is not None:
            raise ValueError(
                f"'--root' goes with '--dataset fsdd', the digits need no files (got "
                f"'{options.root}'); add the one or leave out the other"
            )
        return Digits("train"), Digits("test")
    if options.root is None:
        raise ValueError(
            "'--dataset fsdd' needs '--root', the folder that holds recordings.zip "
            "(see datasets/README.md)"
        )
    both = FSDD(options.root, split=None)
    return both[~both.for_test], both[both.for_test]


def _experiment(
    results: Mapping[str, Any],
    recipe: Recipe,
    shown: Classification,
    test: SeriesDataset,
    diagnosis: Diagnosis | None,
) -> Experiment:
    assert shown.life is not None
    scores = {name: statistics.mean(found) for name, found in results["accuracy"].items()}
    scores["chance"] = results["chance"]
    life = shown.life
    lived = float(life.lengths.sum()) * life.dt / 1000.0
    summary = (
        f"A tissue of {recipe.num_nodes} spiking neurons met {life.lengths.numel()} trials of the "
        f"data set '{results['dataset']}', {lived:.0f} s of model time, without labels while its "
        f"glia ({', '.join(recipe.glia)}) were at work. Then the graph was frozen and a ridge "
        f"readout learned to name its states; the controls are the same tissue without glia, the "
        f"same readout on the raw input, and naming the most common class (chance). "
        f"\n{diagnosis}"
    )
    seeds = results["seeds"]
    return Experiment(
        title="A living spiking reservoir",
        summary=summary,
        scores=scores,
        before=shown.before,
        life=shown.life,
        after=shown.after,
        y_true=test.y,
        y_pred=shown.prediction,
        target_rate=1000.0 * recipe.rho if "astrocyte" in recipe.glia else None,
        parameters={**results["recipe"], "seeds": seeds if len(seeds) > 1 else seeds[0]},
        versions=results["versions"],
        footer="Made by pyngn-graph; pictures and confusion matrix show the first seed.",
    )


def _table(results: Mapping[str, Any], num_test: int) -> str:
    seeds = len(results["seeds"])
    lines = [f"{'readout of':<16}{'test accuracy':<18}synaptic events / ms"]
    for name, found in results["accuracy"].items():
        spread = f" +- {100 * statistics.stdev(found):.1f}" if len(found) > 1 else ""
        sent = results["synaptic_events_per_ms"].get(name)
        energy = f"{statistics.mean(sent):.0f}" if sent else "-"
        accuracy = f"{100 * statistics.mean(found):.1f}{spread} %"
        lines.append(f"{name:<16}{accuracy:<18}{energy}")
    lines.append(f"{'chance':<16}{100 * results['chance']:.1f} %")
    lines.append(f"\n{num_test} test items, {seeds} seed(s), {results['seconds']} s")
    return "\n".join(lines)
