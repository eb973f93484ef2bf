"""A graph that may have been edited by hand, made ready for a run: the same for every backend."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import NUMBERS, completed, each_number, number, validate_again
from pyngn_graph.memo import checksum_of, tell_torch
from pyngn_graph.projection import Projection
from pyngn_graph.reserved import RESERVED
from pyngn_graph.setting import Setting
from pyngn_graph.unions import graph_sizes


class Seen(NamedTuple):
    """What stood in a graph under some name: the object, its version, and what sums it up."""

    value: Any
    version: int = 0
    total: Any = 0

    def is_same(self, other: "Seen | None") -> bool:
        """Whether nothing has changed; never, where edits leave no trace."""
        if other is None or self.version < 0:
            return False
        return self.value is other.value and self[1:] == other[1:]


class Readiness:
    """Remembers what a reservoir ran on last, so that only what changed is looked at again.

    Edits that torch does not see, through ``.data`` or a view of NumPy, are found by checksums of
    all reserved tensors at the begin of every run, once the graph was ``handed_out``; torch is told
    of them, and with it whoever remembers what was made of a tensor.

    Args:
        sizes: Number of neurons of each graph.
        setting: The reservoir.
        projection: Its input.
    """

    def __init__(self, sizes: Sequence[int], setting: Setting, projection: Projection) -> None:
        self.sizes, self.setting, self.projection = list(sizes), setting, projection
        self.handed_out: bool = False
        self._among_ourselves = False
        self._seen: dict[str, Seen] = {}
        self._noticed: Data | None = None
        self._ready: Data | None = None

    def of(self, data: Data) -> Data:
        """The graph, checked and with all that the glia need; nothing may be written to it.

        Raises:
            TypeError, ValueError: If it is none that can run, or not that of the reservoir.
        """
        self.notice(data)
        if self._ready is None:
            setting = self.setting
            self.projection.check()
            validate_again(data, setting.max_delay)
            self.check_same(data)
            own = completed(data.clone() if setting.is_foreign else data)
            own.dt = setting.dt
            for key, value in own.to_dict().items():
                if isinstance(value, Tensor) and value.requires_grad:
                    own[key] = value.detach()
            ready = setting.prepared(own)
            self._ready = validate_again(ready, setting.max_delay) if setting.is_foreign else ready
        return self._ready

    def hand_out(self, data: Data) -> None:
        """Looks closely from now on: whoever gets the graph may edit it, at any time."""
        if not self._among_ourselves and (not self.handed_out or self._noticed is not data):
            self.handed_out = True
            self.notice(data)

    @contextmanager
    def among_ourselves(self) -> Iterator[None]:
        """Code of this library, which edits nothing, gets the graph."""
        before, self._among_ourselves = self._among_ourselves, True
        try:
            yield
        finally:
            self._among_ourselves = before

    def notice(self, data: Data) -> None:
        """Looks at everything, to see later whether it is still as it was."""
        foreign, old = self.setting.is_foreign, self._seen
        seen = look_at(data, old, self.handed_out, foreign)
        for key, value in self.projection.named_buffers(prefix="input"):
            seen[key] = _look(key, value, old.get(key), True)  # to be had without the graph
        same = seen.keys() == old.keys() and all(now.is_same(old[key]) for key, now in seen.items())
        self._seen, self._noticed = seen, data
        self._ready = self._ready if same else None

    def check_same(self, data: Data) -> None:
        """Refuses a graph of other neurons, or another step, than the reservoir has.

        Raises:
            ValueError: If it is one.
        """
        own, sizes = number(data, "dt", self.setting.dt), graph_sizes(data)
        if sizes != self.sizes or not math.isclose(own, self.setting.dt, rel_tol=1e-6):
            raise ValueError(
                f"The graph must keep the {' + '.join(map(str, self.sizes))} neurons and dt = "
                f"{self.setting.dt} of the reservoir (got {' + '.join(map(str, sizes))}, {own}); "
                f"build a new reservoir for another"
            )


def look_at(
    data: Data, before: Mapping[str, Seen], closely: bool = True, all_of_it: bool = False
) -> dict[str, Seen]:
    """What stands in a graph; torch is told of edits since ``before`` that it did not see.

    Those are found where ``closely`` says so, in what this library reads or in ``all_of_it``.
    """
    return {
        key: _look(key, value, before.get(key), closely and (all_of_it or key in RESERVED))
        for key, value in data.to_dict().items()
    }


def _look(key: str, value: Any, before: Seen | None, closely: bool) -> Seen:
    if not isinstance(value, Tensor):
        return Seen(value, total=tuple(each_number(value)) if key in NUMBERS else 0)
    if value.is_inference():
        return Seen(value, -1)
    if key in NUMBERS:
        return Seen(value, value._version, tuple(each_number(value)))
    total = (checksum_of(value), value.dtype, value.shape) if closely else None
    if before is not None and before.value is value and before.version == value._version:
        if None not in (before.total, total) and before.total != total:
            tell_torch(value)
    return Seen(value, value._version, total)
