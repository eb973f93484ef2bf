"""How much memory is free: what does not fit is refused before it is taken."""

import os
from contextlib import suppress
from pathlib import Path

import torch

CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
"""What a container may take, and what it has taken."""


def free_memory(device: torch.device) -> int:
    """Bytes that are free on ``device``, as far as the system says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = [2**63 - 1]
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * int(next(v for v in lines if v.startswith("MemAvailable")).split()[1]))
    if len(free) == 1 and hasattr(os, "sysconf"):
        with suppress(OSError, ValueError):
            free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit, taken in CGROUPS:
        with suppress(OSError, ValueError):  # "max" is no limit
            free.append(int(Path(limit).read_text()) - int(Path(taken).read_text()))
    return max(0, min(free))


def check_room(what: str, size: int, device: torch.device, remedy: str) -> None:
    """Refuses ``what`` if its ``size`` bytes are more than are free on ``device``.

    Raises:
        ValueError: If so; the message ends with ``remedy``.
    """
    free = free_memory(device)
    if size > free:
        raise ValueError(
            f"{what} would take {size:,} bytes, and {free:,} are free on {device}; {remedy}"
        )
