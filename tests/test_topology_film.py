"""Pictures of the history of a graph."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers import generator
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph import plot
from pyngn_graph.generators import Tissue
from pyngn_graph.history import TopologyLog, TopologyRecorder
from pyngn_graph.plot.moments import chosen, distinct

PERIOD, TICKS = 10, 4


def history(regrow: bool = False, ticks: int = TICKS) -> TopologyLog:
    cell = ng.Microglia(criterion="random", fraction=0.2, keep=0.0, regrow=regrow)
    reservoir = ng.TriglialReservoir(
        Tissue(num_nodes=40, seed=1)(), in_channels=1, glia=[cell], glia_period=PERIOD
    )
    x = torch.randn(ticks * PERIOD, 1, generator=generator(0))
    log = reservoir.adapt(x, record="topology").topology
    assert log is not None
    return log


def num_segments(trace: object) -> int:
    return len(trace.x) // 3  # type: ignore[attr-defined]


def test_a_strip_shows_the_edges_of_its_moments() -> None:
    log = history()
    axes = plot.film(log, frames=3)
    counts = [graph.num_edges for graph in log.graphs()]
    for ax, moment in zip(axes, (0, 2, 4), strict=True):
        assert (
            sum(len(c.get_segments()) for c in ax.collections if hasattr(c, "get_segments"))
            == (counts[moment])
        )
        assert ax.get_title() == f"{moment * PERIOD / 1000:.3g} s, {counts[moment]:,} edges"
        _, _, going, *_ = ax.collections
        later = {0: 2, 2: 4, 4: 4}[moment]
        assert len(going.get_segments()) == counts[moment] - counts[later]
    assert not axes[0].axison
    pyplot.close("all")


def test_a_legend_says_what_each_color_means() -> None:
    for regrow, new in ((False, []), (True, ["new edges"])):
        axes = plot.film(history(regrow), frames=3)
        (legend,) = axes[0].figure.legends
        assert {text.get_text() for text in legend.get_texts()} == {
            *("edges that stay", "edges about to go", *new),
            *("excitatory neurons", "inhibitory neurons"),
        }
        inks = {to_hex(c.get_edgecolor()[0]) for c in axes[0].collections[:3]}
        dots = {to_hex(c.get_facecolor()[0]) for c in axes[0].collections[3:]}
        assert len(inks) == 3
        assert dots == {to_hex(axes[0].collections[0].get_edgecolor()[0])}  # the neutral one
    own = Figure()
    plot.film(history(), list(own.subplots(1, 2)))
    assert own.legends == []
    assert len(own.legend().get_texts()) == 4  # each word once
    pyplot.close("all")


def changing(*numbers: int) -> TopologyLog:
    """A history in which each tick takes so many edges from a graph."""
    log = TopologyLog(TopologyRecorder(measures=()))
    num_edges = sum(numbers) + 1
    pos, ends = torch.rand(9, 3), torch.randint(0, 9, (2, num_edges), generator=generator(0))
    for tick, number in enumerate([0, *numbers]):
        num_edges -= number
        data = Data(edge_index=ends[:, :num_edges], num_nodes=9, pos=pos, clock=tick * PERIOD)
        data.edge_weight, data.edge_delay = torch.ones(num_edges), torch.ones(num_edges).long()
        log.tick(data, torch.arange(num_edges)) if tick else log.begin(data)
    return log


@pytest.mark.parametrize(
    ("numbers", "frames", "expected"),
    [
        ([2] * 9, 4, [0, 3, 6, 9]),
        ([90, 1, 1, 1, 1, 1, 1], 4, [0, 1, 4, 7]),  # a large tick does not take several pictures
        ([40, 30, 20, 5, 3, 2, *[0] * 34], 4, [0, 1, 2, 40]),  # nothing comes after tick 6
        ([1, 1, 1, 90], 3, [0, 3, 4]),
        ([0, 0, 5, 0, 0], 4, [0, 5]),
        ([0, 0], 4, [0, 2]),
        ([0, 5, 5, 0], 2, [0, 4]),
        ([3, 3], 1, [0]),
        ([], 4, [0]),
    ],
)
def test_moments_have_equal_numbers_of_changes_between_them(
    numbers: list[int], frames: int, expected: list[int]
) -> None:
    log = changing(*numbers)
    count = min(frames, len(distinct(log)[0]))
    assert chosen(log, count) == expected
    assert len(plot.film3d(log, frames=frames).frames) == len(expected)


@given(st.lists(st.integers(0, 4) | st.integers(0, 200), max_size=12), st.integers(2, 15))
def test_moments_differ_and_hold_the_ends(numbers: list[int], frames: int) -> None:
    log = changing(*numbers)
    moments, sizes = distinct(log)
    assert sizes.sum() == sum(numbers)
    assert len(moments) == sizes.size + 1
    found = chosen(log, min(frames, len(moments)))
    assert found == sorted(set(found))
    assert found[-1] == len(numbers)
    assert found[0] == 0
    repeated = chosen(log, len(moments) + 3)  # more axes than moments
    assert sorted(set(repeated)) == moments


def test_a_strip_of_many_edges_says_that_it_shows_a_part() -> None:
    log, ax = history(), Figure().subplots()
    plot.film(log, [ax], max_edges=60)
    share = 60 / log.graph(0).num_edges
    assert ax.get_title().endswith(f"edges, {100 * share:.0f} % shown")


def test_layers_of_a_lattice_do_not_hide_each_other() -> None:
    graph, ax = Tissue(num_nodes=343, seed=0)(), Figure().subplots()
    recording = ng.TriglialReservoir(graph, in_channels=1).run(num_steps=1, record="topology")
    plot.film(recording.topology, [ax])
    dots = np.concatenate([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
    gaps = np.linalg.norm(dots[:, None] - dots[None], axis=2) + 1e9 * np.eye(len(dots))
    assert gaps.min() > 2.0  # micrometres; neurons of the lattice are 100 apart


def test_a_strip_on_given_axes_and_in_another_plane() -> None:
    log, figure = history(), Figure()
    axes = list(figure.subplots(1, 2))
    assert plot.film(log, axes, plane="zy") == axes
    lines = axes[1].collections[0]  # edges that stay
    graph = log.graph(-1)
    first = graph.edge_index[:, 0]
    np.testing.assert_allclose(lines.get_segments()[0], graph.pos[first][:, [2, 1]], rtol=1e-6)
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("z (µm)", "y (µm)")


def test_a_part_of_the_edges_is_the_same_part_throughout() -> None:
    figure = plot.film3d(history(), max_edges=60)
    drawn = [sum(num_segments(trace) for trace in frame.data) for frame in figure.frames]
    assert 20 < drawn[0] < 110
    assert drawn == sorted(drawn, reverse=True)
    assert figure.layout.annotations[0].text.endswith("% of the edges shown")
    ends = [
        {
            tuple(float(axis[3 * e + k]) for axis in (trace.x, trace.y, trace.z) for k in (0, 1))
            for trace in frame.data
            for e in range(num_segments(trace))
        }
        for frame in figure.frames
    ]
    assert all(after <= before for before, after in pairwise(ends))
    assert ends[-1] < ends[0]


def test_frames_mark_what_goes_and_what_is_new() -> None:
    log = history()
    figure = plot.film3d(log)
    assert [frame.name for frame in figure.frames] == [
        f"{k * 0.01:.4g} s" for k in range(TICKS + 1)
    ]
    for k, frame in enumerate(figure.frames):
        stay, new, going = map(num_segments, frame.data)
        assert stay + going == log.graph(k).num_edges
        assert new == 0
        assert going == (log.changes[k].dropped.numel() if k < TICKS else 0)
    assert num_segments(figure.data[0]) == num_segments(figure.frames[0].data[0])
    assert [trace.name for trace in figure.data[3:]] == ["excitatory", "inhibitory"]
    assert len(figure.layout.sliders[0].steps) == TICKS + 1
    json.loads(figure.to_json())
    regrown = plot.film3d(history(regrow=True), frames=3)
    assert len(regrown.frames) == 3
    assert num_segments(regrown.frames[2].data[1]) > 0


def test_pictures_refuse() -> None:
    log = history(ticks=1)
    with pytest.raises(ValueError, match="'plane' must be two of x, y and z \\(got 'xx'\\)"):
        plot.film(log, plane="xx")
    with pytest.raises(ValueError, match="'frames' must be at least 1 \\(got 0\\)"):
        plot.film(log, frames=0)
    with pytest.raises(ValueError, match="'frames' must be at least 1 \\(got 0\\)"):
        plot.film3d(log, frames=0)
    graph = Tissue(num_nodes=9, seed=1)()
    del graph.pos
    log = ng.TriglialReservoir(graph).run(torch.zeros(3, 9), record="topology").topology
    with pytest.raises(ValueError, match="The graph has no 'pos'; set"):
        plot.film3d(log)
