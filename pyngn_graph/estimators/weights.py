"""How much samples count, and how much those of a class."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array
from torch import Tensor


def checked_weights(
    sample_weight: Any, number: int, none: bool = False
) -> NDArray[np.float64] | None:
    """``sample_weight`` as a number for each of ``number`` samples; None stays None.

    Args:
        sample_weight: What was given.
        number: Number of samples.
        none: Whether no sample need count.

    Raises:
        ValueError: If it is something else, or no sample has a positive weight and not ``none``.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Tensor):
        sample_weight = sample_weight.detach().cpu().double().numpy()
    weight: NDArray[np.float64] = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (number,) or (weight < 0).any() or not (none or weight.any()):
        some = "" if none else " and some above"
        raise ValueError(
            f"sample_weight must have shape [{number}], a number for each sample, none below zero"
            f"{some} (got {list(weight.shape)}, from {weight.min():g} to {weight.max():g})"
        )
    return weight


def with_class_weights(
    weight: Tensor | None,
    labels: NDArray[Any],
    classes: NDArray[Any],
    class_weight: str | dict[Any, float] | None,
) -> Tensor | None:
    """Weights ``[B]`` of samples, times those of their classes; None if neither is given.

    Args:
        weight: Weights of the samples, or None for 1.
        labels: Their labels, ``[B]``.
        classes: All labels in ascending order.
        class_weight: See :class:`~pyngn_graph.estimators.ReservoirClassifier`.

    Raises:
        ValueError: If ``class_weight`` breaks its rule.
    """
    if class_weight is None:
        return weight
    counts = np.ones(len(labels)) if weight is None else weight.numpy()
    code = np.searchsorted(classes, labels)
    if isinstance(class_weight, dict):
        if class_weight and not any(label in class_weight for label in classes.tolist()):
            raise ValueError(
                f"class_weight names none of the classes {classes.tolist()} (got {class_weight})"
            )
        factor = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], float)
    elif isinstance(class_weight, str) and class_weight == "balanced":
        number = np.bincount(code, weights=counts, minlength=len(classes))
        present = number > 0
        factor = np.where(present, counts.sum() / np.where(present, number, 1), 0) / present.sum()
    else:
        raise ValueError(
            f"class_weight must be None, 'balanced' or a dict from labels to numbers (got "
            f"{class_weight!r})"
        )
    if not (np.isfinite(factor) & (factor >= 0)).all():
        raise ValueError(f"Weights of classes must be numbers >= 0 (got {class_weight})")
    return torch.from_numpy(counts * factor[code])
