"""What a network is, in one number, whatever ranks hold its rows."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.distributed.ranks import Ranks


def fingerprint(rows: dict[str, Tensor], number: Tensor, ranks: Ranks) -> str:
    """A digest of all rows of all ranks, each with its ``number`` ``[n]`` in the whole.

    Every row is hashed with its number, eight bytes after the other, by the mixer of SplitMix64
    (Steele, Lea and Flood, 2014); the hashes are added modulo 2^64, so that neither the order of
    rows nor the ranks that hold them matter. It finds slips, and is no protection against intent.
    """
    names = sorted(rows)
    sums = [int(_hashes(rows[name], number).sum(dtype=np.uint64)) for name in names]
    total = ranks.total(torch.from_numpy(np.array(sums, dtype=np.uint64).view(np.int64)))
    kinds = [f"{name} {rows[name].dtype} {list(rows[name].shape[1:])}" for name in names]
    return repr(list(zip(kinds, total.tolist(), strict=True)))


def _hashes(rows: Tensor, number: Tensor) -> NDArray[np.uint64]:
    size = rows.size(0)
    raw = rows.reshape(size, -1).contiguous().view(torch.uint8).numpy()
    words = np.zeros((size, -(-raw.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : raw.shape[1]] = raw
    found = _mixed(number.numpy().astype(np.uint64))
    for column in words.view(np.uint64).T:
        found = _mixed(found ^ column)
    return found


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
