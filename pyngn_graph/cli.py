"""The command ``pyngn-graph``: a demonstration, runs on data sets, speed, what is installed."""

import argparse
import errno
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import torch

import pyngn_graph
from pyngn_graph.analysis.topology import measure
from pyngn_graph.analysis.topology.summary import checked, described
from pyngn_graph.backends import BACKENDS, missing, resolve
from pyngn_graph.bench import bench
from pyngn_graph.classification import Classification, classify, classify_raw
from pyngn_graph.datasets import FSDD, Digits
from pyngn_graph.datasets.series import SeriesDataset
from pyngn_graph.exchange import read_graph
from pyngn_graph.exchange.files import READERS
from pyngn_graph.ledger import Ledger
from pyngn_graph.recipes import GLIA, RECIPES, Recipe
from pyngn_graph.report import Experiment, experiment_report
from pyngn_graph.storage import digest

PACKAGES = ("torch", "torch-geometric", "numpy", "scipy", "networkx", "numba", "safetensors")
OPTIONAL = ("scikit-learn", "matplotlib", "plotly", "torch-scatter")
READ = {("digits", "segments"): "digits_by_rows", ("digits", "end"): "self_organizing"}
READ |= {("fsdd", "segments"): "spoken_digits", ("fsdd", "end"): "spoken_digits_at_end"}
WITH, WITHOUT, RAW = "with glia", "without glia", "raw input"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 2 where the user has to mend something."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        options.run(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _complain(parser.prog, str(error))
    except (MemoryError, RuntimeError) as error:
        # torch has no type of its own for a CPU that is out of memory; all else is a bug.
        if not isinstance(error, MemoryError) and "allocate memory" not in str(error):
            raise
        return _complain(parser.prog, "not enough memory for so large a run; lower '--num-nodes'")
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    return 0


def _complain(prog: str, message: str) -> int:
    print(f"{prog}: {' '.join(message.split())}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong and ends with exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see '{self.prog} --help')\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pyngn-graph", description=__doc__)
    parser.add_argument("--version", action="version", version=pyngn_graph.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="a tissue whose glia organize themselves reads handwritten digits, in a minute",
    )
    _add_common(demo)
    demo.set_defaults(run=_run, dataset="digits", root=None, read="segments", seeds=1, demo=True)
    demo.set_defaults(checkpoint=None, resume=False)
    run = commands.add_parser("run", help="the same on a data set of your choice, over seeds")
    _add_common(run)
    run.add_argument("--dataset", choices=("digits", "fsdd"), default="digits")
    run.add_argument("--root", type=Path, help="folder of the raw files (see datasets/README.md)")
    run.add_argument(
        "--read",
        choices=("segments", "end"),
        default="segments",
        help="read the liquid over segments of a trial, or at its end only",
    )
    run.add_argument("--seeds", type=_positive, default=1, help="number of seeds (default 1)")
    run.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="write what is done, and the run in flight, to this file (and to FILE.seed...) until "
        "the command ends",
    )
    run.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint if there is one"
    )
    run.set_defaults(run=_run, demo=False)
    bench = commands.add_parser("bench", help="how fast this machine runs one network")
    bench.add_argument("--num-nodes", type=_positive, default=1000, help="neurons (default 1000)")
    bench.add_argument("--degree", type=_positive, default=100, help="inputs of each (default 100)")
    bench.add_argument("--seconds", type=float, default=1.0, help="model time (default 1 s)")
    bench.add_argument("--rounds", type=_positive, default=3, help="rounds in turns (default 3)")
    bench.add_argument("--seed", type=_seed, default=0, help="seed of the network (default 0)")
    bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
    bench.set_defaults(run=_bench)
    info = commands.add_parser("info", help="versions and backends, or the topology of a graph")
    info.add_argument("--graph", type=Path, help=f"file of a graph ({', '.join(READERS)})")
    info.add_argument(
        "--measures", type=_measures, help="with --graph, e.g. size,degrees,triads (default: all)"
    )
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=_info)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--glia", type=_glia, help="e.g. astrocyte,microglia; none (default: all)")
    parser.add_argument("--num-nodes", type=_positive, help="number of neurons")
    parser.add_argument("--weight", type=float, help="mean excitatory weight (threshold = 1)")
    parser.add_argument("--seed", type=_seed, default=0, help="first seed (default 0)")
    parser.add_argument("--out", type=Path, help="folder for report and results")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1 (got {text!r})")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number below 2**32 (got {text!r})")
    return int(text)


def _glia(text: str) -> tuple[str, ...]:
    chosen = () if text == "none" else tuple(text.split(","))
    unknown = [name for name in chosen if name not in GLIA]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown glia {', '.join(map(repr, unknown))}; available: {', '.join(GLIA)}, none"
        )
    return tuple(name for name in GLIA if name in chosen)


def _run(options: argparse.Namespace) -> None:
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
        "synaptic_events_per_ms": {
            name: [events for _, events in found] for name, found in done.items()
        },
        "seconds": round(time.perf_counter() - started, 1),
        "versions": _versions(),
    }
    report = None
    if options.out is not None and shown is not None:
        (options.out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
        if shown.life is not None:
            report = experiment_report(
                options.out / "report.html", _experiment(results, recipe, shown, test)
            )
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        print(_table(results, len(test)))
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
    results: Mapping[str, Any], recipe: Recipe, shown: Classification, test: SeriesDataset
) -> Experiment:
    assert shown.life is not None
    scores = {name: statistics.mean(found) for name, found in results["accuracy"].items()}
    summary = (
        f"A tissue of {recipe.num_nodes} spiking neurons met {recipe.trials} trials of the data "
        f"set '{results['dataset']}' without labels while its glia ({', '.join(recipe.glia)}) were "
        f"at work. Then the graph was frozen and a ridge readout learned to name its states; the "
        f"controls are the same tissue without glia and the same readout on the raw input. "
        f"\n{shown.reservoir.diagnose()}"
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
    lines.append(f"\n{num_test} test items, {seeds} seed(s), {results['seconds']} s")
    return "\n".join(lines)


def _bench(options: argparse.Namespace) -> None:
    rows = bench(options.num_nodes, options.degree, options.seconds, options.rounds, options.seed)
    if options.json:
        results = {"versions": _versions(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(results, indent=2))
        return
    print(f"{'':<20}{'x real time':>12}{'events / CPU s':>16}{'Hz':>7}  same spikes")
    for row in rows:
        same = {True: "yes", False: "NO", None: "-"}[row.same_spikes]
        events = f"{row.events_per_second / 1e6:.0f} M"
        print(f"{row.name:<20}{row.realtime:>12.3g}{events:>16}{row.rate:>7.1f}  {same}")
    print(
        f"\n{options.num_nodes} neurons, {options.degree} inputs of each, {options.seconds:g} s; "
        f"medians of {options.rounds} rounds, one thread"
    )


def _measures(text: str) -> tuple[str, ...]:
    try:
        return checked(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _describe(options: argparse.Namespace) -> None:
    facts = measure(read_graph(options.graph), options.measures)
    if options.json:
        known = {name: None if value != value else value for name, value in facts.items()}
        print(json.dumps(known, indent=2))
    else:
        print(described(facts))


def _info(options: argparse.Namespace) -> None:
    if options.graph is not None:
        _describe(options)
        return
    if options.measures is not None:
        raise ValueError("'--measures' goes with '--graph'; add the file of a graph")
    facts: dict[str, Any] = {
        "versions": _versions(),
        "backends": {
            name: name == resolve("auto", torch.device("cpu"))
            for name in sorted(BACKENDS)
            if missing(name) is None
        },
        "devices": ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))],
        "threads": torch.get_num_threads(),
    }
    if options.json:
        print(json.dumps(facts, indent=2))
        return
    for name, found in facts["versions"].items():
        print(f"{name:<16} {found}")
    default = [f"{name} (auto)" if auto else name for name, auto in facts["backends"].items()]
    print(f"{'backends':<16} {', '.join(default)}")
    print(f"{'devices':<16} {', '.join(facts['devices'])}")
    print(f"{'threads':<16} {facts['threads']}")


def _versions() -> dict[str, str]:
    found = {"pyngn-graph": pyngn_graph.__version__, "python": platform.python_version()}
    for name in (*PACKAGES, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
