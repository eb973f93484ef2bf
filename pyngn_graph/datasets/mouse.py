"""The brain of a mouse in 98 regions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from pyngn_graph.datasets.brains import VELOCITY, read_brain
from pyngn_graph.datasets.one_graph import ConnectomeDataset

FILE = "ConnectivityAllen2mm.zip"
SHA256 = "e8f136d80b0223feff66ec29feefb2ac9e7f665c4e9eefdb45193724e0553cff"
PLACE = "mouse/allen_2mm"
FOLDER = "Connectome_Allen_2mm/"


class Mouse98(ConnectomeDataset):
    """The brain of the mouse, 49 regions on each side; ``ds[0]`` is ready for a reservoir.

    9590 edges, nearly all that can be, come from tracers, which tell where an axon starts and where
    it ends; ``edge_count`` is the density of projections, at most 1, and 98 edges lead from a
    region to itself (``autapses=False`` drops them). A row of the published matrix is the region
    that was injected: rows project to columns. (Cortex to caudoputamen is six times as strong as
    the way back, which does not exist in the animal.) ``node_label`` and ``region`` hold the names.

    Delays are straight distances between centers, at most 12 mm, at one conduction velocity, by
    default 3 m/s: few steps of 1 ms, so a smaller ``velocity`` or ``dt`` may be wanted. The unit of
    the centers is not stated; the size of the brain says that it is 100 micrometres, which ``pos``
    assumes. A share of the nodes, drawn with ``seed``, inhibits. These are choices, not
    measurements.

    The data of the Allen Institute may not be used commercially.

    Args:
        root: Folder that holds ``ConnectivityAllen2mm.zip``; its SHA-256 is checked.
        transform: Applied to the graph when it is taken out.
        pre_transform: Applied to it once.
        cache: True keeps the graph in ``root/processed``.
        download: True fetches the archive if it is missing; see :class:`MNIST`.
        inhibitory_fraction: Share of inhibitory nodes.
        velocity: Conduction velocity, micrometres per ms.
        max_delay: Longest delay in steps; None sets no bound.
        **options: Weights and delays, see :func:`connectome`.

    Raises:
        FileNotFoundError: If the archive is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: Oh et al. (2014), "A mesoscale connectome of the mouse brain"; data of The Virtual Brain
    (Melozzi et al. 2017, "The Virtual Mouse Brain").
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
        *,
        cache: bool = False,
        download: bool | str = False,
        inhibitory_fraction: float = 0.2,
        velocity: float | None = VELOCITY,
        max_delay: int | None = None,
        **options: Any,
    ) -> None:
        given = {"velocity": velocity, "max_delay": max_delay, **options}
        given["inhibitory_fraction"] = inhibitory_fraction

        def build() -> Data:
            place = root, FILE, SHA256, PLACE, download
            return read_brain(*place, folder=FOLDER, unit=100.0, lengths="straight", options=given)

        raw = {FILE: SHA256}
        super().__init__(root, raw, build, given, transform, pre_transform, cache)
