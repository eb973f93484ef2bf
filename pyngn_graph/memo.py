"""Values derived from a graph or a tensor, kept as long as the tensors they were derived from."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from torch_geometric.data import Data

P = ParamSpec("P")
R = TypeVar("R")


def once(function: Callable[[Tensor], R]) -> Callable[[Tensor], R]:
    """Makes a function of a tensor remember its result until the tensor is edited in place.

    Edits that torch does not see are not seen here either, as with :func:`remembered`.
    """
    last: Any = WeakTensorKeyDictionary()

    @wraps(function)
    def wrapped(value: Tensor, /) -> R:
        if value.is_inference():
            return function(value)  # edits of these leave no trace
        kept = last.get(value)
        if kept is None or kept[0] != value._version:
            kept = last[value] = (value._version, function(value))
        return kept[1]

    return wrapped


def checksum_of(value: Tensor) -> int:
    """A checksum of all of ``value``, whoever edited it; 0 where there is no memory to look at."""
    from pyngn_graph.checksum import checksum

    dense = value.layout == torch.strided and not value.is_quantized
    return 0 if value.is_meta or not dense else checksum(value)


def tell_torch(value: Tensor) -> None:
    """Counts as an edit of ``value``, and changes nothing."""
    with torch.inference_mode(False), torch.no_grad():
        value[:0].zero_()


def remembered(
    *keys: str,
) -> Callable[[Callable[Concatenate[Data, P], R]], Callable[Concatenate[Data, P], R]]:
    """Makes a function of a graph remember its last result for each graph.

    Anything else that has ``num_nodes`` and holds tensors will do as well.
    It is computed anew when one of the tensors ``keys``, of which the first is always there, is
    replaced or edited in place, or when other arguments differ. Edits that torch does not see,
    through ``.data`` or a numpy view, are not seen here either. The result must not be edited.
    """

    def decorate(function: Callable[Concatenate[Data, P], R]) -> Callable[Concatenate[Data, P], R]:
        last: Any = WeakTensorKeyDictionary()

        @wraps(function)
        def wrapped(data: Data, /, *args: P.args, **kwargs: P.kwargs) -> R:
            values = (getattr(data, key, None) for key in keys)
            held: list[Any] = [each if isinstance(each, Tensor) else None for each in values]
            first, *others = held
            if any(t is not None and t.is_inference() for t in (first, *others)):
                return function(data, *args, **kwargs)  # edits of these leave no trace
            made_of = (data.num_nodes, args, tuple(kwargs.items()), first._version)
            made_of += tuple(None if t is None else (id(t), t._version) for t in others)
            kept = last.get(first)
            if kept is None or kept[0] != made_of:
                # The tensors are kept with it, so that their ids cannot be given to others.
                kept = last[first] = (made_of, others, function(data, *args, **kwargs))
            return kept[2]

        return wrapped

    return decorate
