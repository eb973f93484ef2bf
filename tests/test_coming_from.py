"""Programs of the page for those who come from elsewhere; ``make oracle`` runs NEST and Brian2."""

import pytest
from pairs import pairs, printed_by

PAIRS = pairs()

MODULES = {
    "PyTorch Geometric": "torch_geometric",
    "NetworkX": "networkx",
    "NEST": "nest",
    "Brian2": "brian2",
    "snnTorch": "snntorch",
    "ReservoirPy": "reservoirpy",
}


def test_every_peer_has_its_pair() -> None:
    assert PAIRS.keys() == MODULES.keys()
    for peer, pair in PAIRS.items():
        assert MODULES[peer] in pair.theirs
        assert "pyngn_graph" in pair.ours


@pytest.mark.parametrize("peer", [peer for peer in PAIRS if peer != "ReservoirPy"])
def test_our_half_prints_what_the_page_says(peer: str) -> None:
    assert printed_by(PAIRS[peer].ours) == PAIRS[peer].printed


@pytest.mark.parametrize("peer", ["PyTorch Geometric", "NetworkX", "snnTorch"])
def test_the_half_of_the_peer_prints_the_same(peer: str) -> None:
    pytest.importorskip(MODULES[peer], reason=f"{peer} is not installed")
    assert printed_by(PAIRS[peer].theirs) == PAIRS[peer].printed


def test_reservoirs_of_rates_and_of_spikes_score_what_the_page_says() -> None:
    theirs, ours = map(float, PAIRS["ReservoirPy"].printed)
    assert float(printed_by(PAIRS["ReservoirPy"].ours)[-1]) == pytest.approx(ours, abs=0.01)
    pytest.importorskip("reservoirpy", reason="ReservoirPy is not installed")
    assert float(printed_by(PAIRS["ReservoirPy"].theirs)[-1]) == pytest.approx(theirs, abs=0.01)
