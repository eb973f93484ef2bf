"""Draws ``pictures/reservoir.png``, the picture of the README, from a run on handwritten digits.

python benchmarks/readme_picture.py
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from PIL import Image
from torch_geometric.data import Data

from pyngn_graph import datasets, plot
from pyngn_graph.classification import classify
from pyngn_graph.graph import alive
from pyngn_graph.plot.style import BEFORE, classes
from pyngn_graph.recipes import digits_by_rows

PATH = Path(__file__).parent / "pictures" / "reservoir.png"
INK = "#7a7a7a"  # contrast of 4 : 1 to white and to the dark of GitHub
WEIGHT = 1.0
"""Five times the default, so that there is something to put right."""


def tissue(ax: Any, graph: Data) -> None:
    """Draws the neurons at their places, and the live edges between them."""
    place = graph.pos.numpy()
    edges = graph.edge_index[:, alive(graph)].numpy()
    lines = Line3DCollection(
        place[edges].transpose(1, 0, 2), colors=BEFORE, linewidths=0.4, alpha=0.3
    )
    ax.add_collection3d(lines)
    for name, color, members in classes(graph):
        x, y, z = place[members].T
        ax.scatter(x, y, z, s=6, color=color, label=name, depthshade=False, linewidths=0)
    low, high = place.min(), place.max()
    ax.set(xlim=(low, high), ylim=(low, high), zlim=(low, high))
    ax.set_box_aspect(np.ones(3), zoom=1.15)
    ax.view_init(elev=14, azim=24)
    ax.set_axis_off()


def main() -> None:
    recipe = replace(digits_by_rows(), weight=WEIGHT)
    result = classify(recipe, datasets.Digits("train"), datasets.Digits("test"))
    assert result.life is not None
    look: dict[str, Any] = {key: INK for key in ("text.color", "axes.labelcolor", "axes.edgecolor")}
    look |= {"xtick.color": INK, "ytick.color": INK, "legend.frameon": False, "font.size": 8.5}
    look |= {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9.5}
    with matplotlib.rc_context(look):
        figure = Figure(figsize=(10.0, 4.4), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1.0, 2.05))
        space = left.add_subplot(projection="3d")
        tissue(space, result.after.graph)
        space.legend(loc="lower center", ncols=2, markerscale=1.8, bbox_to_anchor=(0.5, -0.06))
        space.set_title(
            f"{recipe.num_nodes} neurons, {int(alive(result.after.graph).sum())} live edges"
        )
        (first, second, rate), (gain, delays, edges) = right.subplots(2, 3)
        plot.raster(result.before, ax=first).set_title("one digit, before")
        plot.raster(result.after, ax=second).set_title("the same, after")
        plot.rate(result.life, target=1000.0 * recipe.rho, ax=rate).set_title(
            "firing rate and its target"
        )
        plot.trace(result.life, "gain", label="gain", ax=gain).set_title("astrocytes: gain")
        gain.set_ylim(bottom=0)
        plot.delays(result.before.graph, result.after.graph, ax=delays)
        delays.set_title("oligodendrocytes: delays")
        delays.legend(labelcolor=INK)
        plot.edges_alive(result.life, ax=edges).set_title("microglia: edges alive")
        PATH.parent.mkdir(exist_ok=True)
        figure.savefig(PATH, dpi=150, transparent=True)
    Image.open(PATH).quantize(48).save(PATH, optimize=True)  # a third of the size
    print(f"{PATH}: {PATH.stat().st_size / 1024:.0f} kB; accuracy {result.accuracy:.1%}")


if __name__ == "__main__":
    main()
