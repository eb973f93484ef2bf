import sys
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph import plot
from pyngn_graph.analysis.dynamics import BranchingRatio, MemoryCapacity
from pyngn_graph.graph import alive, round_delay
from pyngn_graph.history import TopologyRecorder
from pyngn_graph.plot.style import classes
from pyngn_graph.recording import Recording


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def random_graph(num_nodes: int = 12, num_edges: int = 40, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(0, num_nodes, (2, num_edges), generator=generator)
    inhibitory = torch.arange(num_nodes) % 4 == 3
    return Data(
        edge_index=edge_index,
        edge_weight=torch.where(inhibitory[edge_index[0]], -1.0, 0.5),
        edge_delay=torch.randint(1, 20, (num_edges,), generator=generator),
        edge_mask=torch.rand(num_edges, generator=generator) < 0.8,
        gain=torch.rand(num_nodes, generator=generator),
        pos=torch.rand(num_nodes, 3, generator=generator) * 100.0,
        inhibitory=inhibitory,
        num_nodes=num_nodes,
        dt=0.5,
    )


def random_recording(
    lengths: tuple[int, ...] = (7, 20, 13), every: int = 4, dt: float = 0.5, seed: int = 0
) -> Recording:
    generator = torch.Generator().manual_seed(seed)
    graph, size = random_graph(seed=seed), torch.tensor(lengths)
    shape = (len(lengths), max(lengths))
    inside = torch.arange(shape[1]) < size.unsqueeze(1)
    spikes = torch.rand(*shape, 12, generator=generator) < 0.3
    gain = torch.rand(shape[0], shape[1] // every, 12, generator=generator)
    ends = torch.arange(1, gain.size(1) + 1) * every
    gain[ends > size.unsqueeze(1)] = torch.nan
    return Recording(
        events=(spikes & inside.unsqueeze(2)).nonzero(),
        traces={"gain": gain},
        states=torch.zeros(shape[0], 12),
        synaptic_events=torch.zeros(shape, dtype=torch.int64),
        num_edges=torch.where(inside, torch.arange(shape[0]).unsqueeze(1) // 2 + 30, 0),
        lengths=size,
        graph=graph,
        every=every,
        dt=dt,
    )


def stream(recording: Recording) -> Tensor:
    """All spikes of all trials, one trial after the other: ``[steps, N]``, written plainly."""
    spikes = recording.spikes()
    return torch.cat([spikes[b, :n] for b, n in enumerate(recording.lengths.tolist())])


def dots(ax: Axes) -> list[tuple[float, float]]:
    return sorted(map(tuple, np.concatenate([line.get_xydata() for line in ax.lines]).tolist()))


@pytest.mark.parametrize("trial", [0, 1, 2, -1, None])
def test_raster_has_one_dot_per_spike(ax: Axes, trial: int | None) -> None:
    recording = random_recording()
    assert plot.raster(recording, trial, ax=ax) is ax
    dense = stream(recording) if trial is None else recording.spikes()[trial]
    assert dots(ax) == [(step * 0.5, node) for step, node in dense.nonzero().tolist()]
    steps = 40 if trial is None else int(recording.lengths[trial])
    assert ax.get_xlim() == (0, steps * 0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "neuron")


def test_raster_tells_excitatory_from_inhibitory(ax: Axes) -> None:
    plot.raster(random_recording(), None, ax=ax)
    for line, inhibits in zip(ax.lines, (False, True), strict=True):
        assert ((line.get_ydata() % 4 == 3) == inhibits).all()
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_raster_of_many_spikes_keeps_whole_neurons_and_says_so(ax: Axes) -> None:
    recording = random_recording()
    plot.raster(recording, None, max_spikes=recording.events.size(0) // 2, ax=ax)
    dense = stream(recording)
    every = int(ax.get_ylabel().split()[3])
    assert ax.get_ylabel() == f"neuron (1 in {every} shown)"
    kept = [(t * 0.5, i) for t, i in dense.nonzero().tolist() if i % every == 0]
    assert dots(ax) == kept


@pytest.mark.parametrize(("bin", "width"), [(None, 1), (3.5, 7), (0.01, 1), (1e6, 40)])
def test_rate_times_bin_is_the_number_of_spikes(ax: Axes, bin: float | None, width: int) -> None:
    recording = random_recording()
    plot.rate(recording, bin, ax=ax)
    hertz, edges, _ = ax.patches[0].get_data()
    counts = [int(part.sum()) for part in stream(recording).split(width)]
    np.testing.assert_allclose(hertz * np.diff(edges) / 1000.0 * 12, counts)
    assert edges[-1] == 20.0
    assert ax.get_ylabel() == "firing rate (Hz)"


def test_rate_marks_its_target(ax: Axes) -> None:
    plot.rate(random_recording(), target=20.0, ax=ax)
    assert set(ax.lines[0].get_ydata()) == {20.0}


@pytest.mark.parametrize("trial", [None, 1])
def test_trace_draws_quantiles_over_neurons(ax: Axes, trial: int | None) -> None:
    recording = random_recording()
    plot.trace(recording, "gain", trial, ax=ax)
    gain = recording.traces["gain"]
    # Lengths 7, 20 and 13 with a row at the end of every fourth step.
    moments = {None: [3, 10, 14, 18, 22, 26, 30, 34, 38], 1: [3, 7, 11, 15, 19]}[trial]
    rows = torch.cat([gain[0, :1], gain[1], gain[2, :3]]) if trial is None else gain[1]
    time, median = ax.lines[0].get_data()
    np.testing.assert_allclose(time, np.array(moments) * 0.5)
    np.testing.assert_allclose(median, np.median(rows.numpy(), axis=1))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(np.quantile(rows.numpy(), 0.1, axis=1).min())
    assert band.max() == pytest.approx(np.quantile(rows.numpy(), 0.9, axis=1).max())
    assert ax.get_ylabel() == "gain"


def test_long_traces_are_thinned(ax: Axes) -> None:
    plot.trace(random_recording((3000, 3000), every=1), "gain", ax=ax)
    assert ax.lines[0].get_xdata().size == 2000


def test_edges_alive_follows_the_stream(ax: Axes) -> None:
    recording = random_recording()
    plot.edges_alive(recording, ax=ax)
    count, edges, _ = ax.patches[0].get_data()
    np.testing.assert_array_equal(count, [30, 31])
    np.testing.assert_array_equal(edges, [0.0, 13.5, 20.0])


def test_long_runs_are_drawn_in_seconds(ax: Axes) -> None:
    recording = random_recording((3000, 2000), dt=2.0)
    plot.edges_alive(recording, ax=ax)
    assert ax.get_xlabel() == "time (s)"
    assert ax.get_xlim() == (0, 10.0)


def test_a_silent_recording_can_be_drawn(ax: Axes) -> None:
    recording = random_recording()
    silent = Recording(**{**vars(recording), "events": recording.events[:0]})
    plot.raster(silent, ax=ax)
    plot.rate(silent, ax=ax)
    assert dots(ax) == []
    assert ax.patches[0].get_data().values.sum() == 0


def test_delays_count_live_edges_in_ms(ax: Axes) -> None:
    before, after = random_graph(seed=1), random_graph(seed=2)
    after.edge_delay = after.edge_delay + 0.4
    plot.delays(before, after, ax=ax)
    for patch, data in zip(ax.patches, (before, after), strict=True):
        count, edges, _ = patch.get_data()
        live = data.edge_delay[data.edge_mask].floor().double().numpy() * 0.5
        np.testing.assert_array_equal(count, np.histogram(live, edges)[0])
        assert count.sum() == int(data.edge_mask.sum())
        assert not np.isin(edges, live).any()  # no delay lies between two bins
    assert ax.get_xlabel() == "delay (ms)"


def test_delays_spanning_many_steps_share_bins_of_whole_steps(ax: Axes) -> None:
    data = random_graph()
    data.edge_delay = data.edge_delay * 50
    plot.delays(data, dt=1.0, ax=ax)
    widths = np.diff(ax.patches[0].get_data().edges)
    assert widths.size <= 40
    assert set(widths % 1.0) == {0.0}


def test_histogram_of_a_node_attribute(ax: Axes) -> None:
    before, after = random_graph(seed=1), random_graph(seed=2)
    plot.histogram(before, after, "gain", bins=5, ax=ax)
    for patch, data in zip(ax.patches, (before, after), strict=True):
        count, edges, _ = patch.get_data()
        np.testing.assert_array_equal(count, np.histogram(data.gain.double(), edges)[0])
        assert count.sum() == 12
    assert ax.get_ylabel() == "neurons"


def test_histogram_without_edges(ax: Axes) -> None:
    data = random_graph(num_edges=0)
    plot.delays(data, data, ax=ax)
    assert ax.patches[1].get_data().values.sum() == 0


def test_confusion_counts_every_answer_once(ax: Axes) -> None:
    true, answer = torch.tensor([3, 3, 3, 5, 8]), np.array([3, 5, 3, 5, 5])
    plot.confusion(true, answer, ax=ax)
    share = ax.images[0].get_array()
    np.testing.assert_allclose(share, [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 1, 0]])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "2", (1, 0): "1", (1, 1): "1", (1, 2): "1"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["3", "5", "8"]


def test_confusion_with_names(ax: Axes) -> None:
    plot.confusion([0, 1], [1, 1], labels=["left", "right"], ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["left", "right"]


def test_new_axes_and_no_global_style() -> None:
    pyplot.switch_backend("agg")
    pyplot.close("all")
    before = dict(matplotlib.rcParams)
    ax = plot.raster(random_recording())
    assert ax.figure is pyplot.gcf()
    pyplot.close("all")
    assert dict(matplotlib.rcParams) == before


def test_graph3d_draws_live_edges_between_neurons_at_their_places() -> None:
    data = random_graph()
    edges, excitatory, inhibitory = plot.graph3d(data).data
    line = np.stack([edges.x, edges.y, edges.z], axis=1).reshape(-1, 3, 3)
    ends = data.pos[data.edge_index[:, data.edge_mask]].transpose(0, 1).numpy()
    np.testing.assert_array_equal(line[:, :2], ends)
    assert np.isnan(line[:, 2]).all()
    for trace, members in ((excitatory, ~data.inhibitory), (inhibitory, data.inhibitory)):
        np.testing.assert_array_equal(trace.x, data.pos[members, 0].numpy())
        np.testing.assert_array_equal(trace.customdata, members.nonzero().squeeze(1).numpy())
    assert excitatory.marker.symbol != inhibitory.marker.symbol


def test_graph3d_above_its_limits_draws_a_part_and_says_so() -> None:
    data = random_graph(num_nodes=50, num_edges=600)
    figure = plot.graph3d(data, max_nodes=30, max_edges=20)
    edges, *neurons = figure.data
    shown = np.concatenate([trace.customdata for trace in neurons])
    assert shown.size == 30
    assert edges.x.size == 3 * 20
    ends = np.stack([edges.x, edges.y, edges.z], axis=1).reshape(-1, 3, 3)[:, :2].reshape(-1, 3)
    assert {*map(tuple, ends)} <= {*map(tuple, data.pos[shown].numpy())}
    live = int(data.edge_mask.sum())
    note = f"30 of 50 neurons shown · 20 of {live} edges shown"
    assert [entry.text for entry in figure.layout.annotations] == [note]
    assert figure == plot.graph3d(data, max_nodes=30, max_edges=20)
    assert not plot.graph3d(data).layout.annotations


def test_graph3d_colors_by_attributes_of_nodes_and_edges() -> None:
    data = random_graph()
    _, excitatory, inhibitory = plot.graph3d(data, color="gain").data
    np.testing.assert_array_equal(excitatory.marker.color, data.gain[~data.inhibitory].numpy())
    np.testing.assert_array_equal(inhibitory.marker.color, data.gain[data.inhibitory].numpy())
    edges = plot.graph3d(data, color="edge_delay").data[0]
    live = data.edge_delay[data.edge_mask].numpy()
    np.testing.assert_array_equal(edges.line.color, live.repeat(3))


@pytest.mark.parametrize("num_edges", [0, 1])
def test_graph3d_of_almost_nothing(num_edges: int) -> None:
    data = Data(pos=torch.zeros(1, 3), num_nodes=1)
    data.edge_index = torch.zeros(2, num_edges, dtype=torch.long)
    assert [trace.name for trace in plot.graph3d(data).data] == ["edges", "excitatory"]


def test_classes_follow_the_weights_where_nothing_else_is_known() -> None:
    data = random_graph(num_edges=200)
    del data.inhibitory
    (_, _, excitatory), (_, _, inhibitory) = classes(data)
    np.testing.assert_array_equal(inhibitory, np.arange(12) % 4 == 3)
    np.testing.assert_array_equal(excitatory, ~inhibitory)


def without_positions() -> Data:
    data = random_graph()
    del data.pos
    return data


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot.raster(random_recording(), 3), r"'trial' must lie in \[0, 2\].*got 3"),
        (lambda: plot.rate(random_recording(), bin=0.0), "'bin' must be a positive.*got 0.0"),
        (lambda: plot.trace(random_recording(), "v"), r"No trace 'v'.*\['gain'\].*record=\('v',\)"),
        (lambda: plot.histogram(random_graph(), None, "calcium"), "no 'calcium'.*'gain'"),
        (lambda: plot.histogram(random_graph(), None, "gain", bins=0), "'bins' must be at least 1"),
        (lambda: plot.histogram(random_graph(), None, "pos"), r"'pos' must have shape \[12\]"),
        (lambda: plot.confusion([0, 1], [0]), r"same length >= 1 \(got 2 and 1\)"),
        (lambda: plot.confusion([], []), r"same length >= 1 \(got 0 and 0\)"),
        (lambda: plot.confusion([0, 1], [0, 1], labels=["a"]), r"all 2 classes \(got 1\)"),
        (lambda: plot.graph3d(random_graph(), color="calcium"), "no 'calcium'.*'gain'"),
        (lambda: plot.graph3d(Data(num_nodes=1)), "'data' has no 'edge_index'"),
        (lambda: plot.graph3d(without_positions()), "no 'pos'; set 'data.pos'"),
    ],
)
def test_bad_input_is_refused(draw: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()


class Without:
    """Finds no module of ``package``, as if ``missing`` were not installed."""

    def __init__(self, package: str, missing: str) -> None:
        self.package, self.missing = package, missing

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named '{self.missing}'", name=self.missing)


@pytest.mark.parametrize(
    ("package", "draw"),
    [
        ("matplotlib", lambda: plot.raster(random_recording())),
        ("plotly", lambda: plot.graph3d(random_graph())),
    ],
)
def test_a_missing_library_names_the_extra(
    package: str, draw: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [Without(package, package), *sys.meta_path])
        with pytest.raises(ImportError, match=rf"'{package}'.*pip install 'pyngn-graph\[demo\]'"):
            draw()
    # A library that is there but lacks one of its own is not blamed.
    monkeypatch.setattr(sys, "meta_path", [Without(package, "other"), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="No module named 'other'"):
        draw()


# --- what single neurons, wirings and measures look like


def with_potentials(lengths: tuple[int, ...] = (7, 20, 13)) -> Recording:
    recording = random_recording(lengths, every=1)
    v = torch.where(torch.isnan(recording.traces["gain"]), torch.nan, recording.traces["gain"])
    return replace(recording, traces={"v": v})


@pytest.mark.parametrize("trial", [0, 2, None])
def test_potentials_of_named_neurons(ax: Axes, trial: int | None) -> None:
    recording = with_potentials()
    assert plot.potentials(recording, [7, 2], trial, ax=ax) is ax
    trials = range(3) if trial is None else [trial]
    v = torch.cat([recording.traces["v"][b, : recording.lengths[b]] for b in trials])
    spikes = torch.cat([recording.spikes()[b, : recording.lengths[b]] for b in trials])
    for row, node in enumerate([7, 2]):
        curve, dot = ax.lines[2 * row : 2 * row + 2]
        own = v[:, node].double()
        expected = row + 0.75 * (own - own.min()) / (own.max() - own.min())
        np.testing.assert_allclose(curve.get_ydata(), expected)
        np.testing.assert_allclose(curve.get_xdata(), np.arange(len(v)) * 0.5)
        assert dot.get_xdata().tolist() == (spikes[:, node].nonzero().flatten() * 0.5).tolist()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["7", "2"]
    assert ax.lines[0].get_color() != ax.lines[2].get_color()  # neuron 7 inhibits


def test_potentials_of_a_choice_of_neurons_that_fire(ax: Axes) -> None:
    recording = with_potentials()
    plot.potentials(recording, ax=ax)
    shown = [int(label.get_text()) for label in ax.get_yticklabels()]
    rates = recording.rates()
    assert len(set(shown)) == 6
    assert {float(rates.max()), float(rates[rates > 0].min())} <= {float(rates[i]) for i in shown}


def test_potentials_refuse(ax: Axes) -> None:
    with pytest.raises(ValueError, match=r"'nodes' must name neurons from 0 to 11 \(got \[12\]\)"):
        plot.potentials(with_potentials(), [12], ax=ax)
    with pytest.raises(ValueError, match=r"'nodes' must name neurons"):
        plot.potentials(with_potentials(), [], ax=ax)
    with pytest.raises(ValueError, match="No trace 'v' in this recording"):
        plot.potentials(random_recording(), ax=ax)


def test_adjacency_shows_the_mean_delay_of_live_edges(ax: Axes) -> None:
    graph = random_graph(num_nodes=6, num_edges=30)
    plot.adjacency(graph, ax=ax)
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    for j in range(6):
        for i in range(6):
            own = (graph.edge_index[0] == j) & (graph.edge_index[1] == i) & graph.edge_mask
            if own.any():
                assert image[j, i] == pytest.approx(
                    0.5 * float(graph.edge_delay[own].double().mean())
                )
            else:
                assert np.isnan(image[j, i])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target", "source")


def test_adjacency_of_many_neurons_is_drawn_in_blocks(ax: Axes) -> None:
    graph = random_graph(num_nodes=11, num_edges=60)
    plot.adjacency(graph, "edge_weight", max_cells=4, ax=ax)
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert image.shape == (4, 4)
    block = (graph.edge_index // 3 == torch.tensor([[2], [1]])).all(dim=0) & graph.edge_mask
    assert image[2, 1] == pytest.approx(float(graph.edge_weight[block].mean()))
    assert ax.get_xlabel() == "target (blocks of 3)"
    assert ax.get_xlim() == (-0.5, 10.5)


def test_adjacency_refuses_and_shows_emptiness(ax: Axes) -> None:
    graph = random_graph()
    with pytest.raises(ValueError, match="'name' must be an attribute of edges"):
        plot.adjacency(graph, "gain", ax=ax)
    with pytest.raises(ValueError, match="The graph has no 'edge_length' to draw"):
        plot.adjacency(graph, "edge_length", ax=ax)
    with pytest.raises(ValueError, match="'max_cells'"):
        plot.adjacency(graph, max_cells=0, ax=ax)
    plot.adjacency(random_graph(num_nodes=1, num_edges=0), ax=ax)
    assert np.isnan(np.ma.filled(ax.images[0].get_array(), np.nan)).all()


def test_evolution_follows_the_log(ax: Axes) -> None:
    cells = [ng.Oligodendrocyte(max_delay=20), ng.Microglia(criterion="random")]
    graph = ng.generators.Tissue(num_nodes=40, seed=0)()
    reservoir = ng.TriglialReservoir(graph, in_channels=1, glia=cells, glia_period=50)
    x = torch.rand(200, 1, generator=torch.Generator().manual_seed(0))
    log = reservoir.adapt(x, record=TopologyRecorder(sensed=True), progress=False).topology
    assert log is not None
    for name in ("edge_delay", "edge_health"):
        ax.clear()
        plot.evolution(log, name, scale=2.0, ax=ax)
        (line,) = ax.lines
        assert line.get_xdata().tolist() == log.clocks == [0, 50, 100, 150, 200]
        for value, moment in zip(line.get_ydata(), log.graphs(), strict=True):
            used = moment[name][alive(moment)]
            used = round_delay(used) if name == "edge_delay" else used
            assert value == pytest.approx(2.0 * np.median(used.numpy()))
    assert ax.get_xlabel() == "life (ms)"
    with pytest.raises(ValueError, match="The graph has no 'edge_length' to draw"):
        plot.evolution(log, "edge_length", ax=ax)


def test_memory_curves(ax: Axes) -> None:
    r2 = torch.tensor([1.0, 0.5, 0.0])
    found = {"a": MemoryCapacity(1.5, r2), "b": MemoryCapacity(0.75, r2 / 2)}
    plot.memory_curve(found, sample=10.0, ax=ax)
    assert ax.lines[1].get_xydata().tolist() == [[10.0, 0.5], [20.0, 0.25], [30.0, 0.0]]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a: 1.5", "b: 0.8"]
    assert ax.get_xlabel() == "lag (ms)"
    ax.clear()
    plot.memory_curve(found["a"], ax=ax)
    assert ax.get_xlabel() == "lag (samples)"
    with pytest.raises(ValueError, match="'capacity' holds nothing to draw"):
        plot.memory_curve({}, ax=ax)
    with pytest.raises(ValueError, match="'sample' must be a positive number of ms"):
        plot.memory_curve(found, sample=0.0, ax=ax)


def test_branching_shows_slopes_and_fit(ax: Axes) -> None:
    fit = 0.5 ** torch.arange(1.0, 5.0)
    ratio = BranchingRatio(0.5, 0.5, 1.0, 1.0, r=fit + 0.01, fit=fit)
    plot.branching(ratio, row=4.0, ax=ax)
    _, slopes, curve = ax.lines
    assert slopes.get_xdata().tolist() == [4.0, 8.0, 12.0, 16.0]
    np.testing.assert_allclose(slopes.get_ydata(), fit + 0.01)
    np.testing.assert_allclose(curve.get_ydata(), fit)
    assert curve.get_label() == "fit, m = 0.500"
    with pytest.raises(ValueError, match="'row' must be a positive number of ms"):
        plot.branching(ratio, row=0.0, ax=ax)
