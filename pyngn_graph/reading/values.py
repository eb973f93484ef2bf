"""Entries as numbers, and columns as tensors where that loses nothing."""

import re
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import ABSENT, Column, are_text, is_nan

_NUMBER = r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?"
_NUMBERS = re.compile(rf"(?:{_NUMBER}\n)*+")
_FLOATS = re.compile(rf"(?:(?:{_NUMBER}|[+-]?(?:nan|inf|infinity))\n)*+", re.IGNORECASE)
_WHOLE = re.compile(r"(?:(?:0|-?[1-9][0-9]{0,18}+)\n)*+")
_PADDED = re.compile(r"^[+-]?0[0-9]", re.MULTILINE)
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?|[+-]?[0-9]+(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_MISSING = ("", "na", "n/a", "#n/a", "<na>", "null", "none")


def numbers(
    column: Column, name: str, place: Callable[[int], str], faults: Faults, given: Any = None
) -> NDArray[np.float64]:
    """A column of finite numbers, float64; faults are noted and stand as 0.

    Entries may be numbers of Python or NumPy, bools, or text, also with a decimal comma. Where
    ``given`` ``[K]`` bool is False an entry may be absent.
    """
    if isinstance(column, Tensor):
        column = column.detach().cpu().numpy()
    array = column if isinstance(column, np.ndarray) else _fast(column)
    if array is not None and array.dtype.kind in "biuf" and array.ndim == 1:
        result = array.astype(np.float64)
    else:
        result = np.fromiter(map(_parser(column), column), np.float64, len(column))
    bad = ~np.isfinite(result)
    if given is not None:
        bad &= given
    for i in np.flatnonzero(bad).tolist():
        entry = column[i]
        rule = "a finite number"
        if isinstance(entry, str) and _THOUSANDS.fullmatch(entry):
            rule = "a number without commas in it: this may be thousands or a fraction"
        elif isinstance(entry, str) and {".", ","} <= set(entry):
            rule = "a number without signs between thousands"
        faults.add(place(i), name, entry.item() if isinstance(entry, np.generic) else entry, rule)
    return np.where(np.isfinite(result), result, 0.0)


def _fast(column: Any) -> NDArray[Any] | None:
    if not len(column):
        return np.empty(0)
    if are_text(column):
        if set(map(str.lower, set(column))) <= {"true", "false"}:
            return np.array([entry.lower() == "true" for entry in column])
        if _NUMBERS.fullmatch("\n".join([*column, ""])) is None:
            return None
        try:
            return np.array(column).astype(np.float64)
        except ValueError:  # a line break within an entry
            return None
    try:
        return np.asarray(column)
    except ValueError:  # rows of unequal length
        return None


def _parser(column: Any) -> Callable[[Any], float]:
    """How an entry is read; NaN is what is no number."""
    commas = [entry for entry in column if isinstance(entry, str) and "," in entry]
    # 1,234 may be either; one entry as 0,5 or 12,25 tells.
    decimal = bool(commas) and not all(map(_THOUSANDS.fullmatch, commas))

    def parsed(entry: Any) -> float:
        if isinstance(entry, str):
            entry = entry.strip()
            if re.fullmatch(_NUMBER, entry):
                return float(entry)
            if decimal and _COMMA.fullmatch(entry):
                return float(entry.replace(",", "."))
            return np.nan
        if isinstance(entry, Tensor) and entry.numel() == 1:
            entry = entry.item()
        if isinstance(entry, Real | Decimal | np.bool_):
            return float(entry)
        return np.nan

    return parsed


def with_points(column: list[str]) -> list[str]:
    """A column of numbers with a decimal comma, as one with points; others as they are."""
    kinds = set(column)
    if not any("," in entry for entry in kinds):
        return column
    known = {entry for entry in kinds if _COMMA.fullmatch(entry) or _is_number(entry)}
    if any(entry.lower() not in _MISSING for entry in kinds - known):
        return column
    return [entry.replace(",", ".") for entry in column]


def _is_number(entry: str) -> bool:
    return re.fullmatch(_NUMBER, entry) is not None


def flags(
    column: Column, name: str, place: Callable[[int], str], faults: Faults
) -> NDArray[np.bool_]:
    """A column of truth values: bools, 0 and 1, or text that says so."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    result = np.zeros(len(column), dtype=bool)
    for i, entry in enumerate(column):
        found = words.get(re.sub(r"\.0$", "", str(entry).strip().lower()))
        if found is None:
            faults.add(place(i), name, entry, "true or false")
        result[i] = bool(found)
    return result


def side(column: Column) -> Tensor | list[Any]:
    """A column that has no meaning here: bool, int64 or float32, or the entries as they are.

    Entries that are missing become None, in a list.
    """
    if isinstance(column, np.ndarray):
        return _tensor(column)
    if len(column) and are_text(column):
        return _of_text(list(column))
    if any(_is_missing(entry) for entry in column):
        return [None if _is_missing(entry) else _plain(entry) for entry in column]
    if any(isinstance(entry, str) for entry in column):
        return list(map(_plain, column))
    try:
        array = np.asarray(column)
    except (ValueError, OverflowError):  # rows of unequal length
        return list(column)
    return _tensor(array) if array.dtype.kind in "biufc" else list(map(_plain, column))


def _tensor(array: NDArray[Any]) -> Tensor | list[Any]:
    if array.dtype.kind not in "biufc":
        return [_plain(entry) for entry in array.tolist()]
    if array.dtype.kind == "u":
        if array.size and array.max() >= 2**63:
            found: list[Any] = array.tolist()
            return found
        array = array.astype(np.int64)
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))


def _of_text(column: list[str]) -> Tensor | list[Any]:
    kinds = set(column)
    lacking = {entry for entry in kinds if entry.lower() in _MISSING}
    nans = {entry for entry in kinds if entry.lower() == "nan"}
    if nans and _WHOLE.fullmatch("\n".join([*(kinds - nans - lacking), ""])):
        lacking |= nans  # whole numbers have no NaN, and floats not all their digits
    if lacking:
        missing = [entry in lacking for entry in column]
        rest = [entry for entry, gone in zip(column, missing, strict=True) if not gone]
        typed = _of_text(rest) if rest else []
        values = iter(typed.tolist() if isinstance(typed, Tensor) else typed)
        return [None if gone else _plain(next(values)) for gone in missing]
    if {entry.lower() for entry in kinds} <= {"true", "false"}:
        return torch.tensor([entry.lower() == "true" for entry in column])
    joined = "\n".join([*column, ""])
    try:
        if _WHOLE.fullmatch(joined):
            return torch.from_numpy(np.array(column).astype(np.int64))
        if _FLOATS.fullmatch(joined) and not _PADDED.search(joined):
            return torch.from_numpy(np.array(column).astype(np.float64).astype(np.float32))
        if "," in joined and all(map(_COMMA.fullmatch, column)):
            parse = _parser(column)
            parsed = [parse(entry) for entry in column]
            if np.isfinite(parsed).all():
                return torch.tensor(parsed, dtype=torch.float32)
    except (ValueError, OverflowError):  # more than int64 holds, or a line break in an entry
        pass
    return column


def _is_missing(entry: Any) -> bool:
    return entry is None or entry is ABSENT


def _plain(entry: Any) -> Any:
    if isinstance(entry, np.generic):
        entry = entry.item()
    if hasattr(entry, "isoformat"):  # a date, which no file of ours holds
        return entry.isoformat()
    return None if entry is ABSENT or is_nan(entry) else entry
