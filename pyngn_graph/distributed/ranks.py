"""The processes of a run, and what they tell each other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Ranks:
    """The processes of a ``torch.distributed`` group; one alone where none is set up.

    Every method but the properties is collective: all ranks have to call it, in the same order.
    Nothing that is added up here is a float, so that the order of ranks cannot matter.

    Args:
        group: The group, by default that of all processes. With NCCL, tensors travel over the
            current CUDA device.

    Attributes:
        bytes_sent: What this rank has handed to collectives so far, in bytes.
        seconds: Time spent in them, waiting for slower ranks included.
    """

    def __init__(self, group: Any = None) -> None:
        self.group = group
        self.alone = not (dist.is_available() and dist.is_initialized())
        self.rank: int = 0 if self.alone else dist.get_rank(group)
        self.size: int = 1 if self.alone else dist.get_world_size(group)
        nccl = not self.alone and dist.get_backend(group) == "nccl"
        self.device = torch.device("cuda" if nccl else "cpu")
        self.bytes_sent, self.seconds = 0, 0.0

    def gather_like(self, value: Tensor) -> list[Tensor]:
        """The tensors of all ranks, which have one shape and type."""
        if self.size == 1:
            return [value]
        began = time.perf_counter()
        own = value.contiguous().to(self.device)
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own, group=self.group)
        parts = [part.to(value.device) for part in parts]
        self.bytes_sent += value.numel() * value.element_size()
        self.seconds += time.perf_counter() - began
        return parts

    def gather(self, value: Tensor) -> list[Tensor]:
        """The tensors of all ranks, which may differ in their first dimension."""
        sizes = torch.cat(self.gather_like(torch.tensor([value.size(0)]))).tolist()
        room = value.new_zeros(max(sizes), *value.shape[1:])
        room[: value.size(0)] = value
        kind = room.view(torch.uint8) if room.dtype == torch.bool else room
        parts = self.gather_like(kind)
        return [part[:size].to(value.dtype) for part, size in zip(parts, sizes, strict=True)]

    def from_rank(self, rank: int, value: Tensor) -> Tensor:
        """The tensor of one rank; those of the others have its shape and type."""
        if self.size == 1:
            return value
        began = time.perf_counter()
        own = value.contiguous().to(self.device, copy=True)
        dist.broadcast(own, group=self.group, group_src=rank)
        self.bytes_sent += own.numel() * own.element_size() if rank == self.rank else 0
        self.seconds += time.perf_counter() - began
        return own.to(value.device)

    def total(self, value: Tensor) -> Tensor:
        """The sum of whole numbers over all ranks."""
        return self._reduced(value, dist.ReduceOp.SUM)

    def largest(self, value: int) -> int:
        """The largest of whole numbers."""
        return int(self._reduced(torch.tensor([value]), dist.ReduceOp.MAX))

    def smallest(self, value: int) -> int:
        """The smallest of whole numbers."""
        return int(self._reduced(torch.tensor([value]), dist.ReduceOp.MIN))

    def largest_float(self, value: float) -> float:
        """The largest of float64 numbers."""
        return float(self._reduced(torch.tensor([value], dtype=torch.float64), dist.ReduceOp.MAX))

    def barrier(self) -> None:
        """Waits for all ranks."""
        self.largest(0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Lets an error of one rank be an error of all, so that none waits for it forever.

        Raises:
            RuntimeError: On the ranks that had no error of their own.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as found:
            error = found
        failed = self.largest(0 if error is None else self.size - self.rank)
        if error is not None:
            raise error
        if failed:
            raise RuntimeError(
                f"Rank {self.size - failed} had to give up, and with it all others; see its error"
            )

    def _reduced(self, value: Tensor, operation: Any) -> Tensor:
        if self.size == 1:
            return value
        began = time.perf_counter()
        own = value.to(self.device, copy=True)
        dist.all_reduce(own, operation, group=self.group)
        self.bytes_sent += value.numel() * value.element_size()
        self.seconds += time.perf_counter() - began
        return own.to(value.device)
