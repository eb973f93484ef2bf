"""One ridge readout from samples that lie on several ranks."""

import torch
from torch import Tensor

from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.readout.ridge import BLOCK, RidgeReadout


def share(num_rows: int, num_features: int, ranks: Ranks) -> slice:
    """The rows of this rank: consecutive, and whole blocks of a :class:`RidgeReadout`.

    Only the last rank that has any rows may have a block that is not full.
    """
    block = max(BLOCK, num_features)
    number = -(-num_rows // block)
    first, last = (number * k // ranks.size * block for k in (ranks.rank, ranks.rank + 1))
    return slice(min(first, num_rows), min(last, num_rows))


def fit_shared(readout: RidgeReadout, x: Tensor, y: Tensor, ranks: Ranks) -> RidgeReadout:
    """Fits ``readout`` to the rows of all ranks; afterwards it is the same on each.

    An ``all_reduce`` adds floats in an order of its own. Here every rank sums its blocks of rows by
    itself, and the running sums ``[F + 1, F + 1 + K]`` go from rank to rank, each of which adds its
    blocks in their order: the bits are those of one ``fit`` to all rows in a single process, on
    as many threads. Until its turn, a rank keeps one such sum for each of its blocks.

    Args:
        readout: The readout; what it has learned is forgotten.
        x: Features of the rows ``share(...)`` of this rank, ``[b, F]``; there may be none.
        y: Their targets, labels ``[b]`` int64 or values ``[b]`` or ``[b, K]``.
        ranks: The processes.

    Raises:
        TypeError, ValueError: If ``x`` or ``y`` breaks a rule of the readout, there are no rows, or
            those of a rank other than the last are not whole blocks; nothing is forgotten.
    """
    block = max(BLOCK, x.size(1))
    rows = torch.cat(ranks.gather_like(torch.tensor([x.size(0)]))).tolist()
    filled = [k for k, number in enumerate(rows) if number]
    if not filled:
        raise ValueError("No rank has any rows; give 'x' at least one")
    if any(number % block for number in rows[: filled[-1]]):
        raise ValueError(
            f"Every rank but the last with rows must have a multiple of {block} of them (got "
            f"{rows}); cut them with 'share(num_rows, num_features, ranks)'"
        )
    with ranks.together():
        if x.size(0):
            x, y = readout._check(x, y, fresh=True)
    x, y = x.double(), y.double() if y.is_floating_point() else y.long()
    readout._forget()
    origin = torch.cat(ranks.gather(x[:1]))[0]
    readout.x_first = origin.clone()
    if y.is_floating_point():
        readout.y_first = torch.cat(ranks.gather(y[:1]))[0].clone()
        y = (y - readout.y_first).reshape(len(y), readout.y_first.numel())
        size = y.size(1)
    else:
        readout.classes = torch.unique(torch.cat(ranks.gather(torch.unique(y))))
        size = readout.classes.numel()
    full = x.size(0) // block * block
    sums = [
        _block_sums(readout, x[first : first + block] - origin, y[first : first + block])
        for first in range(0, full, block)
    ]
    shape = x.size(1) + 1, x.size(1) + 1 + size
    total, squares = x.new_zeros(shape), x.new_zeros(size)
    for rank, number in enumerate(rows):
        if number < block:
            continue
        if rank == ranks.rank:
            for both, yy in sums:
                total, squares = total + both, squares + yy
        total, squares = ranks.from_rank(rank, total), ranks.from_rank(rank, squares)
    if max(rows) >= block:
        readout.sum_zz = total[:, : shape[0]].contiguous()
        readout.sum_zy, readout.sum_yy = total[:, shape[0] :].contiguous(), squares
    readout.rows_x = torch.cat(ranks.gather(x[full:] - origin))
    readout.rows_y = torch.cat(ranks.gather(y[full:]))
    readout._solved()
    return readout


def _block_sums(readout: RidgeReadout, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_zz`` and ``sum_zy`` side by side, and ``sum_yy``, of one block of rows."""
    readout.rows_x, readout.rows_y = x, y
    zz, zy, yy = readout._sums()
    return torch.cat([zz, zy], dim=1), yy
