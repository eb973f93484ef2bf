"""Lets ``python -m pyngn_graph`` run the command."""

import sys

from pyngn_graph.cli import main

if __name__ == "__main__":
    sys.exit(main())
