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
    value = value.detach().resolve_neg().contiguous()
    # With less than two elements any stride counts as contiguous, but not to 'view'.
    raw = value.as_strided((value.numel(),), (1,), value.storage_offset()).view(torch.uint8)
    whole = raw.numel() & ~3
    words, rest = raw[:whole], raw[whole:]
    total = on_cpu(words) if value.device.type == "cpu" else elsewhere(words)
    return total ^ int.from_bytes(bytes(rest.tolist()), "little")


def on_cpu(words: Tensor) -> int:
    """The sum over ``words``, of four bytes each."""
    values = words.numpy().view(np.uint32)
    return int(_sum(values if values.flags.aligned else values.copy()))


@compiled
def _sum(words: NDArray[Any]) -> np.uint32:
    total = np.uint32(0)
    for k in range(words.size):  # in vectors
        x = np.uint32(words[k] ^ np.uint32(np.uint32(k) * ONE))
        x = np.uint32(np.uint32(x ^ (x >> SHIFT)) * OTHER)
        x = np.uint32(np.uint32(x ^ (x >> SHIFT)) * ONE)
        total = np.uint32(total + np.uint32(x ^ (x >> SHIFT)))
    return total


def elsewhere(words: Tensor) -> int:
    """The same on a GPU, in numbers of another kind."""
    aligned = words if words.storage_offset() % 4 == 0 else words.clone()
    mixed = aligned.view(torch.int32).long()
    mixed = mixed ^ (torch.arange(mixed.numel(), device=mixed.device) << 32)
    for factor in (int(ONE), int(OTHER)):
        mixed = mixed * factor
        mixed = mixed ^ (mixed >> 29)
    return int(mixed.sum())
