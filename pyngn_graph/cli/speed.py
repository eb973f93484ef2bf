"""The command ``bench``: how fast this machine runs one network."""

import argparse
import json
from dataclasses import asdict

from pyngn_graph.bench import bench
from pyngn_graph.cli.facts import versions


def show_speed(options: argparse.Namespace) -> None:
    """Prints how fast each backend runs one network."""
    rows = bench(options.num_nodes, options.degree, options.seconds, options.rounds, options.seed)
    if options.json:
        results = {"versions": versions(), "rows": [asdict(row) for row in rows]}
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
