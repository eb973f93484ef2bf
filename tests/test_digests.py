"""Bits that no change of the code may alter in silence."""

import json

import pytest
from digests import CASES, FILE, digest

KNOWN = json.loads(FILE.read_text())


def test_every_case_is_written_down_and_no_two_are_alike() -> None:
    assert list(KNOWN) == list(CASES)
    assert len(CASES) >= 30
    alike = ("bare, emission", "relative, emission")  # delays stay, so both readings are one
    assert all(KNOWN[case] == KNOWN[case.removesuffix(", emission")] for case in alike)
    assert len(set(KNOWN.values())) == len(CASES) - len(alike)


@pytest.mark.parametrize("case", CASES)
def test_bits_are_those_of_before(case: str, backend: str) -> None:
    assert digest(case, backend) == KNOWN[case]
