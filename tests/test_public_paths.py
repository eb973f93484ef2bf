"""Every path by which texts name the package leads somewhere, and none is lost in silence."""

import pytest
from public_paths import FILE, named, resolved

PATHS = FILE.read_text().split()


def test_all_paths_that_texts_name_are_written_down() -> None:
    """A name that is gone on purpose is taken from the list by ``public_paths.py --write``."""
    assert PATHS == sorted(named())


@pytest.mark.parametrize("path", PATHS)
def test_it_leads_somewhere(path: str) -> None:
    assert resolved(path) is not None
