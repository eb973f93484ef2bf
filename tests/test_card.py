"""Notebook cards show every parameter, and text stays text."""

import torch

import pyngn_graph as ng
from pyngn_graph.card import card
from pyngn_graph.generators import Tissue


def test_text_is_escaped() -> None:
    assert "<b>" not in card("<b>", {"<b>": "<b>"})


def test_lines_stay_lines() -> None:
    assert ">one<br>- &lt;two&gt;</td>" in card("title", {"fact": "one\n- <two>"})


def test_cards_of_reservoir_and_recording() -> None:
    reservoir = ng.TriglialReservoir(
        Tissue(num_nodes=20, seed=0)(), in_channels=2, glia=[ng.Astrocyte(rho=0.03)], hold=7
    )
    assert "last run" not in reservoir._repr_html_()
    run = reservoir.adapt(torch.ones(5, 2), record=("gain",))
    shown = reservoir._repr_html_()
    for part in (
        "20 neurons",
        "Astrocyte(rho=0.03",
        "<td style='text-align:left'>7</td>",
        "in_channels=2",
        "last run",
    ):
        assert part in shown
    for part in ("Recording", "35 of 1.0 ms", "gain"):
        assert part in run._repr_html_()
