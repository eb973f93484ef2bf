"""The cortex of man in 998 patches."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from pyngn_graph.datasets.brains import VELOCITY, check_lengths, read_brain
from pyngn_graph.datasets.one_graph import ConnectomeDataset

FILE = "connectivity_998.zip"
SHA256 = "31c65d4b6bf1760d06e0c4ab95c71c8dd499e48814e47bf2284e62a2b9301afd"
PLACE = "connectivity"


class HumanConnectome998(ConnectomeDataset):
    """The human cortex, 998 patches of 1.5 square centimeters; ``ds[0]`` is ready for a reservoir.

    35 730 edges come from diffusion imaging, ``edge_count`` their strength. Imaging cannot tell
    from which end a fiber starts: every link has both directions, nearly equal. ``node_label``
    holds the patches (``"rLOF1"``), ``region`` the 66 regions they belong to (``"rLOF"``). ``pos``
    is in micrometres. A node is a piece of cortex, not a neuron.

    Delays are tract lengths, at most 19 cm, at one conduction velocity, by default 3 m/s: 2 to 64
    steps of 1 ms. A quarter of the tracts are shorter than the straight line between the centers
    of their patches; they are taken as they are. Nothing is known of inhibition: a share of the
    nodes, drawn with ``seed``, inhibits, though long fibers of the cortex excite. Velocity and
    share are choices, not measurements.

    Args:
        root: Folder that holds ``connectivity_998.zip``; its SHA-256 is checked.
        lengths: ``"tract"``, or ``"straight"`` for the distance between centers.
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

    Source: Hagmann et al. (2008), "Mapping the structural core of human cerebral cortex"; data of
    The Virtual Brain (Sanz Leon et al. 2013).
    """

    def __init__(
        self,
        root: str | Path,
        lengths: str = "tract",
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
        check_lengths(lengths)
        given = {"velocity": velocity, "max_delay": max_delay, **options}
        given["inhibitory_fraction"] = inhibitory_fraction

        def build() -> Data:
            place = root, FILE, SHA256, PLACE, download
            return read_brain(*place, folder="", unit=1000.0, lengths=lengths, options=given)

        settings = {"lengths": lengths, **given}
        raw = {FILE: SHA256}
        super().__init__(root, raw, build, settings, transform, pre_transform, cache)
