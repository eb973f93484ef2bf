"""The nervous system of a worm."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetch
from pyngn_graph.datasets.edge_table import counted
from pyngn_graph.datasets.files import read_checked
from pyngn_graph.datasets.one_graph import ConnectomeDataset
from pyngn_graph.reading.tables import linked, table_of
from pyngn_graph.reading.text import rows_in

SHA256 = {
    "neurons.csv": "72553ff99004d0c8c6e26cc31a7fee8e5fc16a85adc2b991b61fbf5d0a7a8e83",
    "edges_cook2019.csv": "04327570f9cb85f0f15baa752e838a97be4cae583a5a6bcfe9837edc8e79f0cf",
    "edges_openworm.csv": "d738adf55512ce367718031ea993ec019a45c9269c4ac007a96d9397c581d099",
}
"""Of the three tables."""

SOURCE = "the tables of https://github.com/openworm/c302 and CElegansNeuroML"
EDGES = ("cook2019", "openworm")
SIGNS = {"transmitter": "sign", "gaba26": "sign_gaba26"}


class CElegans(ConnectomeDataset):
    """The 302 neurons of the hermaphrodite of C. elegans; ``ds[0]`` is ready for a reservoir.

    Somata stand where they are in the body, in micrometres, with y from head to tail. Chemical
    synapses and gap junctions are edges of their own (``edge_type``, a place in
    ``synapse_types``), so two neurons may have both; a gap junction is stored in both directions
    and excites. ``edge_count`` holds what was counted. Names are in ``node_label``, and ``role``
    lists each neuron's: ``"SensoryNeuron"``, ``"Interneuron"``, ``"Motor Neuron"``,
    ``"PolymodalNeuron"`` or ``"NeurUnkFunc"``. CANL and CANR have no synapses.

    How a count becomes a weight and a distance a delay is described in :func:`connectome`; by
    default a delay of 100 steps spans the body.

    Args:
        root: Folder that holds ``neurons.csv`` and the table of edges; their SHA-256 is checked.
        edges: ``"cook2019"``, 3638 chemical and 2168 electrical edges, counted in sections of
            electron micrographs; ``"openworm"``, 2279 and 1084, counted in synapses.
        types: ``("chemical", "electrical")`` or one of them.
        signs: ``"transmitter"``: the 35 neurons with GABA inhibit, those with acetylcholine or
            glutamate (209) excite, others are unknown, which means excitatory unless
            ``inhibitory_fraction`` is set. ``"gaba26"``: the 26 classical GABA neurons inhibit,
            all others excite. Both simplify: glutamate often inhibits in the worm.
        transform: Applied to the graph when it is taken out.
        pre_transform: Applied to it once.
        cache: True keeps the graph in ``root/processed``.
        download: The address of a folder that holds the tables, e.g. one of your own; they are
            published in other forms only. By default nothing is fetched.
        **options: Weights and delays, see :func:`connectome`.

    Raises:
        FileNotFoundError: If a table is missing; the message says where it comes from.
        ValueError: If a table is not the one that was expected, or an argument breaks its rule.

    Source: Cook et al. (2019), "Whole-animal connectomes of both Caenorhabditis elegans sexes";
    White et al. (1986) and Varshney et al. (2011) for ``"openworm"``; positions: VirtualWorm
    (Grove & Sternberg).
    """

    def __init__(
        self,
        root: str | Path,
        edges: str = "cook2019",
        types: Sequence[str] = ("chemical", "electrical"),
        signs: str = "transmitter",
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
        *,
        cache: bool = False,
        download: bool | str = False,
        **options: Any,
    ) -> None:
        for name, value, available in (("edges", edges, EDGES), ("signs", signs, tuple(SIGNS))):
            if value not in available:
                raise ValueError(f"Unknown {name} {value!r}; available: {list(available)}")
        sha256 = {name: SHA256[name] for name in ("neurons.csv", f"edges_{edges}.csv")}

        def build() -> Data:
            fetch(root, sha256, SOURCE, None, download)
            return _read(root, tuple(sha256), types, SIGNS[signs], options)

        settings = {"edges": edges, "types": types, "signs": signs, **options}
        super().__init__(root, sha256, build, settings, transform, pre_transform, cache)


def _read(
    root: str | Path,
    names: tuple[str, ...],
    types: Sequence[str],
    sign: str,
    options: dict[str, Any],
) -> Data:
    nodes, synapses = (
        table_of(rows_in(read_checked(root, name, SHA256[name], SOURCE).decode(), f"'{name}'"))
        for name in names
    )
    source = linked(*synapses, nodes)
    data = counted(source, types=types, columns={"sign": sign}, **options)
    data.role = list(source.nodes["role"])
    return data
