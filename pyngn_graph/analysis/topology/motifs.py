"""The sixteen kinds of triads."""

from typing import Any

import numpy as np
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Integers, Network

TRIADS = (
    *("003", "012", "102", "021D", "021U", "021C", "111D", "111U"),
    *("030T", "030C", "201", "120D", "120U", "120C", "210", "300"),
)
"""Names by Holland & Leinhardt: numbers of mutual, one-way and absent pairs, and a direction."""


def triad_census(data: Data | Network) -> dict[str, int]:
    """How many of the N (N - 1) (N - 2) / 6 triples of neurons form each of the 16 triads.

    Closed triads are counted by products of the sparse matrices of one-way and of mutual pairs,
    open ones by pairs of edges at a neuron less those that are closed, the rest by what remains.

    Sources: Holland & Leinhardt (1970); Moody (1998) for the way of counting.
    """
    net = Network.of(data)
    mutual = net.mutual
    one_way = (net.adjacency - mutual).tocsr()
    one_way.eliminate_zeros()
    back = one_way.T.tocsr()
    found = dict.fromkeys(TRIADS, 0)
    found["300"] = _sum(mutual @ mutual, mutual) // 6
    found["210"] = _sum(mutual @ mutual, one_way)
    found["120D"] = _sum(back @ one_way, mutual) // 2
    found["120U"] = _sum(one_way @ back, mutual) // 2
    along = one_way @ one_way
    found["120C"] = _sum(along, mutual)
    found["030T"] = _sum(along, one_way)
    found["030C"] = _sum(along, back) // 3

    into, out, both = (_row_sums(matrix) for matrix in (back, one_way, mutual))
    found["021D"] = _pairs(out) - found["030T"] - found["120D"]
    found["021U"] = _pairs(into) - found["030T"] - found["120U"]
    found["021C"] = int(into @ out) - found["030T"] - 3 * found["030C"] - found["120C"]
    shared = found["120C"] + found["210"]
    found["111D"] = int(both @ into) - 2 * found["120D"] - shared
    found["111U"] = int(both @ out) - 2 * found["120U"] - shared
    found["201"] = _pairs(both) - found["210"] - 3 * found["300"]

    size = net.num_nodes
    for name, place, dyads in (("102", 0, int(both.sum()) // 2), ("012", 1, int(out.sum()))):
        within = sum(int(kind[place]) * count for kind, count in found.items())
        found[name] = dyads * max(size - 2, 0) - within
    found["003"] = size * (size - 1) * (size - 2) // 6 - sum(found.values())
    return found


def _sum(a: Any, b: Any) -> int:
    return int(a.multiply(b).sum())


def _row_sums(matrix: Any) -> Integers:
    return np.asarray(matrix.sum(axis=1), dtype=np.int64)


def _pairs(count: Integers) -> int:
    return int((count * (count - 1)).sum()) // 2
