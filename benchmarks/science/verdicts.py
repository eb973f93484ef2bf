"""Comparisons seed by seed, and what they allow to be said."""

import math

import numpy as np
from scipy.stats import t

from benchmarks.science.results import Claim, Results


def paired(results: Results, row: str, control: str, column: str, metric: str) -> np.ndarray:
    """By how much ``row`` is above ``control``, for each seed."""
    return results.values(row, column, metric) - results.values(control, column, metric)


def sure(difference: np.ndarray) -> bool:
    """Whether the 95 % confidence interval of a mean over seeds (Student's t) lies above 0."""
    count = len(difference)
    if count < 2:
        return False
    error = difference.std(ddof=1) / math.sqrt(count)
    return bool(difference.mean() > t.ppf(0.975, count - 1) * error)


def shown(difference: np.ndarray) -> str:
    """Mean ± sample standard deviation, with its sign."""
    sd = difference.std(ddof=1) if len(difference) > 1 else math.nan
    return f"{difference.mean():+.2f} ± {sd:.2f}"


def above(results: Results, row: str, control: str, column: str, metric: str = "memory") -> Claim:
    """The claim that ``metric`` of ``row`` is above that of ``control``, seed by seed."""
    difference = paired(results, row, control, column, metric)
    ours, theirs = (results.mean(each, column, metric) for each in (row, control))
    place = f"{column}: " if column else ""
    return Claim(
        f"{place}{metric} of {row} above that of {control}",
        f"{ours:.2f} / {theirs:.2f}, paired {shown(difference)}, higher in "
        f"{(difference > 0).sum()} of {len(difference)} seeds",
        sure(difference),
    )
