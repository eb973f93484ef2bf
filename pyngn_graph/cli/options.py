"""What the command can be told."""

import argparse
from typing import NoReturn

import pyngn_graph
from pyngn_graph.analysis.topology.summary import checked
from pyngn_graph.cli.experiment import run_experiment
from pyngn_graph.cli.facts import show_facts
from pyngn_graph.cli.speed import show_speed
from pyngn_graph.disk import expanded
from pyngn_graph.exchange.files import READERS
from pyngn_graph.reading.counts import MEANINGS
from pyngn_graph.recipes import GLIA


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong and ends with exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see '{self.prog} --help')\n")


def command_line(description: str | None) -> argparse.ArgumentParser:
    """The parser; the namespace it returns holds the function to call as ``run``."""
    parser = _Parser(prog="pyngn-graph", description=description)
    parser.add_argument("--version", action="version", version=pyngn_graph.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="a tissue whose glia organize themselves reads handwritten digits, in a minute",
    )
    _add_common(demo)
    demo.set_defaults(
        run=run_experiment, dataset="digits", root=None, read="segments", seeds=1, demo=True
    )
    demo.set_defaults(checkpoint=None, resume=False)
    run = commands.add_parser("run", help="the same on a data set of your choice, over seeds")
    _add_common(run)
    run.add_argument("--dataset", choices=("digits", "fsdd"), default="digits")
    run.add_argument(
        "--root", type=expanded, help="folder of the raw files (see datasets/README.md)"
    )
    run.add_argument(
        "--read",
        choices=("segments", "end"),
        default="segments",
        help="read the liquid over segments of a trial, or at its end only",
    )
    run.add_argument("--seeds", type=_positive, default=1, help="number of seeds (default 1)")
    run.add_argument(
        "--checkpoint",
        type=expanded,
        metavar="FILE",
        help="write what is done, and the run in flight, to this file (and to FILE.seed...) until "
        "the command ends",
    )
    run.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint if there is one"
    )
    run.set_defaults(run=run_experiment, demo=False)
    bench = commands.add_parser("bench", help="how fast this machine runs one network")
    bench.add_argument("--num-nodes", type=_positive, default=1000, help="neurons (default 1000)")
    bench.add_argument("--degree", type=_positive, default=100, help="inputs of each (default 100)")
    bench.add_argument("--seconds", type=float, default=1.0, help="model time (default 1 s)")
    bench.add_argument("--rounds", type=_positive, default=3, help="rounds in turns (default 3)")
    bench.add_argument("--seed", type=_seed, default=0, help="seed of the network (default 0)")
    bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
    bench.set_defaults(run=show_speed)
    info = commands.add_parser("info", help="versions and backends, or the topology of a graph")
    info.add_argument("--graph", type=expanded, help=f"file of a graph ({', '.join(READERS)})")
    info.add_argument(
        "--measures", type=_measures, help="with --graph, e.g. size,degrees,triads (default: all)"
    )
    info.add_argument(
        "--weights", choices=MEANINGS, help="with --graph: what its weights are, if it is not said"
    )
    info.add_argument(
        "--columns", type=_columns, help="with --graph, e.g. pre=begin,post=end,weight=strength"
    )
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=show_facts)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--glia", type=_glia, help="e.g. astrocyte,microglia; none (default: all)")
    parser.add_argument("--num-nodes", type=_positive, help="number of neurons")
    parser.add_argument("--weight", type=float, help="mean excitatory weight (threshold = 1)")
    parser.add_argument("--seed", type=_seed, default=0, help="first seed (default 0)")
    parser.add_argument("--out", type=expanded, help="folder for report and results")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(role and sign and name for role, sign, name in pairs):
        raise argparse.ArgumentTypeError(f"must be pairs role=name, separated by commas: {text!r}")
    return {role: name for role, _, name in pairs}


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


def _measures(text: str) -> tuple[str, ...]:
    try:
        return checked(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
