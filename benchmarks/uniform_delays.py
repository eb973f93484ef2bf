"""Is it the glia, or the spread of delays? The control for spoken digits read at their end.

The same tissue and readout as ``pyngn-graph run --dataset fsdd --read end``, but every delay is
drawn once from 1 to 200 ms and stays as it is.

python benchmarks/uniform_delays.py --root FOLDER --seeds 5
"""

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch_geometric.data import Data

from pyngn_graph.classification import classify
from pyngn_graph.datasets import FSDD
from pyngn_graph.recipes import Recipe, spoken_digits_at_end


@dataclass(frozen=True)
class UniformDelays(Recipe):
    """A recipe whose delays are drawn from 1 to ``max_delay`` ms, whatever the distance."""

    def tissue(self, seed: int = 0) -> Data:
        """The tissue of any recipe, but for its delays."""
        graph, generator = super().tissue(seed), torch.Generator().manual_seed(seed)
        graph.edge_delay = torch.randint(
            1, self.max_delay + 1, graph.edge_delay.shape, generator=generator
        )
        return graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of recordings.zip")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default 5)")
    options = parser.parse_args()
    both = FSDD(options.root, split=None)
    train, test = both[~both.for_test], both[both.for_test]
    control = UniformDelays(**vars(spoken_digits_at_end()))
    for name, glia in (("uniform delays", ()), ("uniform delays, astrocytes", ("astrocyte",))):
        recipe = replace(control, glia=glia)
        runs = [classify(recipe, train, test, seed) for seed in range(options.seeds)]
        found = [100 * run.accuracy for run in runs]
        spread = f" +- {statistics.stdev(found):.1f}" if len(found) > 1 else ""
        sent = statistics.mean(run.synaptic_events for run in runs)
        print(f"{name:<28}{statistics.mean(found):.1f}{spread} %, {sent:.0f} synaptic events / ms")


if __name__ == "__main__":
    main()
