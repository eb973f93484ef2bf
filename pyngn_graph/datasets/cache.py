"""What makes a processed graph this one: its arguments, in the name of its file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from numbers import Integral, Real
from typing import Any

from torch import Tensor
from torch_geometric.transforms import BaseTransform

from pyngn_graph.checks import whole_seed
from pyngn_graph.storage import digest


def cache_name(
    kind: str, sha256: Mapping[str, str], settings: Mapping[str, Any], pre_transform: Any
) -> str:
    """The name of the file of a graph: all that it depends on, as a digest.

    That is the version of the package, the class ``kind``, the checksums of the raw files, the
    arguments, and the class and attributes of ``pre_transform``.

    Raises:
        ValueError: If two values could not be told apart, e.g. two functions.
    """
    import pyngn_graph

    parts = {
        "version": pyngn_graph.__version__,
        "raw": dict(sha256),
        "settings": {key: _described(key, value) for key, value in settings.items()},
        "pre_transform": _described("pre_transform", pre_transform),
    }
    text = json.dumps(parts, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


def _described(name: str, value: Any) -> Any:
    """JSON that differs wherever values differ."""
    if name == "seed":
        return whole_seed(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, Tensor):
        return {"tensor": digest({name: value})}
    if isinstance(value, list | tuple):
        return [_described(name, item) for item in value]
    if isinstance(value, dict):
        return {"items": [[repr(key), _described(name, item)] for key, item in value.items()]}
    if isinstance(value, BaseTransform) or (is_dataclass(value) and not isinstance(value, type)):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"class": kind, "attributes": _described(name, vars(value))}
    raise ValueError(
        f"'{name}' holds {value!r}, which a cache cannot tell from others; pass cache=False, or "
        f"a 'pre_transform' of a class (PyG's 'BaseTransform') whose attributes are numbers, "
        f"strings and tensors"
    )
