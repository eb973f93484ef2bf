"""The programs of NEST and Brian2 on ``docs/coming_from.md``, as they stand on the page."""

from pathlib import Path

import pytest
from pairs import pairs, printed_by
from peers import output_of

PAIRS = pairs()


@pytest.mark.parametrize("peer", ["NEST", "Brian2"])
def test_both_halves_of_the_page_print_the_same_spikes(peer: str, tmp_path: Path) -> None:
    pair = PAIRS[peer]
    # Brian2 reads this file where it runs; then it needs no compiler.
    (tmp_path / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    theirs = output_of(peer.lower(), "-c", pair.theirs, folder=tmp_path).splitlines()
    assert theirs[-1:] == printed_by(pair.ours) == pair.printed
    assert theirs[-1].count("(") > 5
