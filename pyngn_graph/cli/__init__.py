"""The command ``pyngn-graph``: a demonstration, runs on data sets, speed, what is installed."""

import sys
from collections.abc import Sequence

from pyngn_graph.cli.options import command_line

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 2 where the user has to mend something."""
    parser = command_line(__doc__)
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
