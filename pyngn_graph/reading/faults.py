"""All faults of a source in one error, each with its place, its value and its rule."""

from typing import Any

SHOWN = 8
"""Faults that an error lists; of the others it gives the number."""


class Faults:
    """Collects what is wrong with a source before anything is made of it.

    Args:
        title: What errors call the source.
        remedy: What to do about its faults.
    """

    def __init__(self, title: str, remedy: str = "Mend or drop them") -> None:
        self.title, self.remedy = title, remedy
        self._said: list[str] = []
        self._number = 0

    def add(self, place: str, column: str, value: Any, rule: str) -> None:
        """Notes that ``value`` in a ``column`` breaks a ``rule``."""
        self.add_line(f"{place}, column {column!r}: {_shown(value)}, must be {rule}")

    def add_line(self, text: str) -> None:
        """Notes a fault in words of its own."""
        self._number += 1
        if len(self._said) < SHOWN:
            self._said.append(text)

    def check(self) -> None:
        """Raises a ValueError that names all faults, if there are any."""
        if not self._number:
            return
        more = self._number - len(self._said)
        listed = "; ".join(self._said) + (f"; and {more} more" if more else "")
        noun = "fault" if self._number == 1 else "faults"
        raise ValueError(f"{self.title} has {self._number:,} {noun}: {listed}. {self.remedy}")


def _shown(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        return f"{value!r} is empty"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
