"""Checksums of tensors, at the speed of memory; imported, with numba, when first needed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.compiling import compiled

ONE, OTHER = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)
"""Odd numbers, by which a product loses no bit."""

SHIFT = np.uint32(15)


def checksum(value: Tensor) -> int:
    """A number that changes with every single word of ``value``, and hardly stays otherwise.

    Words of four bytes are mixed with their places, each in a way that can be undone, and added. It
    finds slips, and is no protection against intent.
    """
    value = value.detach().contiguous()
    if value.device.type != "cpu":
        return _elsewhere(value)
    flat = value.numpy().reshape(-1).view(np.uint8)
    whole = flat.size & ~3
    words = flat[:whole].view(np.uint32)
    total = int(_sum(words if words.flags.aligned else words.copy()))
    return total if whole == flat.size else total ^ int.from_bytes(flat[whole:].tobytes(), "little")


@compiled
def _sum(words: NDArray[Any]) -> np.uint32:
    total = np.uint32(0)
    for k in range(words.size):  # in vectors
        x = np.uint32(words[k] ^ np.uint32(np.uint32(k) * ONE))
        x = np.uint32(np.uint32(x ^ (x >> SHIFT)) * OTHER)
        x = np.uint32(np.uint32(x ^ (x >> SHIFT)) * ONE)
        total = np.uint32(total + np.uint32(x ^ (x >> SHIFT)))
    return total


def _elsewhere(value: Tensor) -> int:
    """The same on a GPU, in numbers of another kind."""
    flat = value.reshape(-1).view(torch.uint8)
    whole = flat.numel() & ~3
    mixed = flat[:whole].view(torch.int32).long()
    mixed = mixed ^ (torch.arange(mixed.numel(), device=mixed.device) << 32)
    for factor in (int(ONE), int(OTHER)):
        mixed = mixed * factor
        mixed = mixed ^ (mixed >> 29)
    return int(mixed.sum()) ^ int.from_bytes(bytes(flat[whole:].tolist()), "little")
