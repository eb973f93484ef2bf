"""What the arguments of generators must satisfy: one rule per name, the same in every family.

A family of one's own gets these checks for free where its fields carry the names below.
"""

import math
from collections.abc import Callable
from dataclasses import fields
from numbers import Real
from typing import Any, get_args

import torch
from torch import Tensor

from pyngn_graph.checks import check_tensor, is_count, whole_seed

_PROBABILITY = (lambda v: 0 <= v <= 1, "a probability between 0 and 1")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "num_nodes": (is_count, "an int of at least 1"),
    "degree": (lambda v: v >= 0, "a mean number of inputs per neuron of at least 0, e.g. 4.0"),
    "spacing": (lambda v: v > 0, "a positive length in micrometres, e.g. 100.0"),
    "length_scale": (lambda v: v > 0, "a positive length in micrometres, e.g. 200.0"),
    "velocity": (lambda v: v > 0, "a positive speed in micrometres per ms, e.g. 50.0"),
    "dt": (lambda v: v > 0, "a positive step in ms, e.g. 1.0"),
    "weight": (
        lambda v: 0 <= v <= 1e30,
        "at least 0; 'inhibitory_fraction' and 'inhibition' set signs, and 1e30 is most",
    ),
    "inhibition": (
        lambda v: 0 <= v <= 1e6,
        "a ratio of at least 0, at most 1e6, e.g. 4.0; the sign is added",
    ),
    "inhibitory_fraction": (lambda v: 0 <= v <= 1, "a share between 0 and 1, e.g. 0.2"),
    "max_delay": (is_count, "an int of at least 1 step"),
    "rewiring": _PROBABILITY,
    "exponent": (
        lambda v: v > 2,
        "above 2, e.g. 3.0 (at 2 a hub would need more partners than there are)",
    ),
    **dict.fromkeys(("c_ee", "c_ei", "c_ie", "c_ii"), _PROBABILITY),
}
_CHOICES = {
    "layout": ("lattice", "uniform"),
    "weight_distribution": ("gamma", "constant"),
    "delay": ("distance", "uniform", "sqrt"),
}


def check_fields(generator: Any) -> None:
    """Checks every field of a dataclass whose name has a rule; None passes if its type allows it.

    A ``seed`` is stored as ``int``.

    Raises:
        ValueError: If a field breaks its rule; the message names both and the value.
    """
    for field in fields(generator):
        value = getattr(generator, field.name)
        if field.name == "seed":
            generator.seed = whole_seed(value, least=0)
        if field.name in _CHOICES and value not in _CHOICES[field.name]:
            available = list(_CHOICES[field.name])
            raise ValueError(f"Unknown {field.name} {value!r}; available: {available}")
        if field.name in _RULES and not (value is None and type(None) in get_args(field.type)):
            holds, rule = _RULES[field.name]
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and holds(value)):
                raise ValueError(f"'{field.name}' must be {rule} (got {value!r})")


def check_positions(pos: Any) -> None:
    """Checks that ``pos`` is a finite tensor [N, 3].

    Raises:
        ValueError: If it is not.
    """
    shape = list(pos.shape) if isinstance(pos, Tensor) else []
    if len(shape) != 2 or shape[0] == 0 or shape[1] != 3:
        raise ValueError(
            f"'pos' must be a tensor of shape [N, 3] with N >= 1 (got "
            f"{shape or type(pos).__name__}); use 'torch.as_tensor', and z = 0 in a plane"
        )
    check_tensor("pos", pos)
    if not bool(torch.isfinite(pos).all()):
        raise ValueError("'pos' must be finite (got NaN or infinity); drop those neurons")
