"""A device that is not the CPU, made of CPU memory: code that forgets where its tensors are fails.

Tensors on ``DEVICE`` hold their values on the CPU but say that they do not: ``.numpy()`` refuses
them, and an operation on tensors of two devices raises an error as it does on a GPU (0-dimensional
tensors of the CPU may take part).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
CPU = torch.device("cpu")


class Away(torch.Tensor):
    """A tensor on ``DEVICE``; ``here`` is where its values really are."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> "Away":
        """Looks like ``here`` but for its device."""
        made: Away = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, here.stride(), here.storage_offset(), dtype=here.dtype, device=DEVICE
        )
        made.here = here
        return made

    def tolist(self) -> Any:
        """The values, as of any tensor."""
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


def dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Runs ``func`` on the CPU and gives the result the device that it would have."""
    name = func.overloadpacket.__name__
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    away = any(isinstance(each, Away) for each in given)
    strangers = [each for each in given if not isinstance(each, Away) and each.dim()]
    copies = name in ("_to_copy", "copy_")
    # As a GPU does, it takes indices from the CPU for its own tensors.
    indexes = name in ("index", "index_put_") and isinstance(args[0], Away)
    if away and strangers and not copies and not indexes:
        raise RuntimeError(f"Expected all tensors to be on the same device in {func}")
    goal = kwargs.get("device")
    if goal is not None:
        kwargs = kwargs | {"device": CPU}
        away = torch.device(goal) == DEVICE
    if name == "copy_":
        away = isinstance(args[0], Away)
    args, kwargs = tree_map(lambda x: x.here if isinstance(x, Away) else x, (args, kwargs))
    found = func(*args, **kwargs)
    if not away:
        return found
    return tree_map(lambda x: Away(x) if isinstance(x, torch.Tensor) else x, found)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


class _Factories(TorchFunctionMode):
    """Makes tensors of given values here first: of itself PyTorch would forget the values."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == DEVICE:
            del kwargs["device"]
            return func(*args, **kwargs).to(DEVICE)
        if func is torch.Tensor.new_tensor and isinstance(args[0], Away):
            return args[0].here.new_tensor(*args[1:], **kwargs).to(DEVICE)
        return func(*args, **kwargs)


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """Within it ``.to(DEVICE)`` and ``device=DEVICE`` work."""
    with _Mode(), _Factories():
        yield DEVICE
