"""Grouping and stable sorting of edges, compiled; imported, with numba, when first needed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.compiling import compiled

Array = NDArray[Any]

SIGN = np.uint64(2**63)
HALF = np.uint64(32)
PLACE = np.uint64(2**32 - 1)
BYTE = np.uint64(255)

LEADS, REST = 2**16, np.uint64(48)
"""How many upper parts a number may have, and the bits that are left."""

SHORT = 32
"""Words that are sorted faster one by one than by their bytes."""


def grouped(key: Tensor, chosen: Tensor, num_groups: int) -> tuple[Tensor, Tensor]:
    """What :func:`group_by` gives, as tensors on the device of ``key``."""
    if key.device.type == "cpu":
        start, order = group_by(key.contiguous().numpy(), chosen.numpy(), num_groups)
        return torch.from_numpy(start), torch.from_numpy(order)
    place = chosen.nonzero().squeeze(1)
    group, order = torch.sort(key[place], stable=True)
    size = torch.bincount(group, minlength=num_groups)
    return torch.cat([size.new_zeros(1), size.cumsum(0)]), place[order]


@compiled
def group_by(key: Array, chosen: Array, num_groups: int) -> tuple[Array, Array]:
    """Where each group of the ``chosen`` entries starts, and their stable order by ``key``."""
    start = np.zeros(num_groups + 2, np.int64)
    for e in range(key.size):
        start[key[e] + 2] += chosen[e]
    start = start.cumsum()
    order = np.empty(start[-1], np.int64)
    for e in range(key.size):
        if chosen[e]:
            order[start[key[e] + 1]] = e
            start[key[e] + 1] += 1
    return start[:-1], order


@compiled
def sorted_groups(group: Array, chosen: Array, num_groups: int, key: Array) -> tuple[Array, Array]:
    """As :func:`group_by`, each group by its ``key`` ``[E]`` float32, none of them negative."""
    start = np.zeros(num_groups + 2, np.int64)
    for e in range(group.size):
        start[group[e] + 2] += chosen[e]
    start = start.cumsum()
    bits, word = key.view(np.uint32), np.empty(start[-1], np.uint64)  # bits rise with the key
    for e in range(group.size):
        if chosen[e]:
            word[start[group[e] + 1]] = np.uint64(bits[e]) << HALF | np.uint64(e)
            start[group[e] + 1] += 1
    most = np.diff(start).max()
    spare, place = np.empty(most, np.uint64), np.empty(most + 1, np.int64)
    for i in range(num_groups):
        own = word[start[i] : start[i + 1]]
        _sort_evenly(own, spare, place)
        for k in range(own.size):
            own[k] &= PLACE
    return start[:-1], word.view(np.int64)


@compiled
def argsort(key: Array) -> Array:
    """The stable order ``[E]`` int64 of ``key`` ``[E]`` float64, which holds no NaN.

    A word holds the upper 32 bits of a key, counted from the least key, above its place. So one
    array moves in each pass, and few keys are left to tell apart by their lower bits.
    """
    raw, size = key.view(np.uint64), key.size
    least, most = ~np.uint64(0), np.uint64(0)
    for bits in raw:
        least, most = min(least, _ascending(bits)), max(most, _ascending(bits))
    lead = np.uint64(0)
    while size and lead < HALF and not ((most - least) << lead) & SIGN:
        lead += np.uint64(1)
    word, spare, rest = np.empty(size, np.uint64), np.empty(size, np.uint64), np.uint64(0)
    for e in range(size):
        bits = (_ascending(raw[e]) - least) << lead
        word[e] = bits & ~PLACE | np.uint64(e)
        rest |= bits & PLACE
    _sort(word, spare)
    first = 0
    for k in range(1, size + 1 if rest else 0):
        if k == size or (word[k] ^ word[first]) & ~PLACE:
            if k - first > 1:
                for same in range(first, k):
                    place = word[same] & PLACE
                    word[same] = (_ascending(raw[place]) - least) << lead << HALF | place
                _sort(word[first:k], spare[first:k])
            first = k
    for k in range(size):
        word[k] &= PLACE
    return word.view(np.int64)


@compiled
def lead(bits: Any) -> Any:
    """The upper part of the float64 with these ``bits``, which rises with it; below ``LEADS``."""
    return _ascending(bits) >> REST


@compiled
def _ascending(bits: Any) -> Any:
    """The bits of a float64 as a number of the same order."""
    if bits & SIGN:
        return np.uint64(0) - bits  # where -0.0 meets 0.0
    return bits | SIGN


@compiled
def _sort(word: Array, spare: Array) -> None:
    """Sorts ``word`` by its upper half, in place; ``spare`` is as large.

    Words with the same upper half must come by their lower one, and stay so.
    """
    if word.size > SHORT:
        _sort_by_bytes(word, spare)
    else:
        _sort_one_by_one(word)


@compiled
def _sort_evenly(word: Array, spare: Array, place: Array) -> None:
    """As :func:`_sort`, fastest where the upper halves are spread over their range."""
    size = word.size
    if size <= SHORT:
        _sort(word, spare)
        return
    least, most = ~np.uint64(0), np.uint64(0)
    for w in word:
        least, most = min(least, w), max(most, w)
    least, most = least >> HALF, most >> HALF
    scale = np.float64(size) / (np.float64(most - least) + 1.0)
    place[: size + 1] = 0
    for k in range(size):
        spare[k] = word[k]
        place[int(np.float64((word[k] >> HALF) - least) * scale) + 1] += 1
    crowd = 0
    for k in range(size):
        crowd = max(crowd, place[k + 1])
        place[k + 1] += place[k]
    for k in range(size):
        at = int(np.float64((spare[k] >> HALF) - least) * scale)
        word[place[at]] = spare[k]
        place[at] += 1
    if crowd > SHORT:
        _sort_by_bytes(word, spare[:size])
    else:
        _sort_one_by_one(word)


@compiled
def _sort_one_by_one(word: Array) -> None:
    """The same for words that are nearly in order, or few."""
    for k in range(1, word.size):
        w, at = word[k], k
        while at and word[at - 1] > w:
            word[at] = word[at - 1]
            at -= 1
        word[at] = w


@compiled
def _sort_by_bytes(word: Array, spare: Array) -> None:
    """The same for many words, from the lowest byte to the highest."""
    differ = np.uint64(0)
    for w in word:
        differ |= w ^ word[0]
    source, goal = word, spare
    for byte in range(4):
        shift = HALF + np.uint64(8 * byte)
        if not (differ >> shift) & BYTE:
            continue
        place = np.zeros(257, np.int64)
        for w in source:
            place[((w >> shift) & BYTE) + np.uint64(1)] += 1
        for digit in range(1, 256):
            place[digit] += place[digit - 1]
        for w in source:
            digit = (w >> shift) & BYTE
            goal[place[digit]] = w
            place[digit] += 1
        source, goal = goal, source
    word[:] = source
