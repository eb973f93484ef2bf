"""Numbers in another unit than they are read in are named, and nothing else is."""

import warnings
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from helpers import random_graph
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.datasets import connectome, from_edge_table
from pyngn_graph.generators import FromNetworkX, Tissue

RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


def ring(**attributes: list[Any]) -> nx.DiGraph:
    """Three neurons in a ring, with these attributes of its edges."""
    graph = nx.DiGraph()
    for k, ends in enumerate(RING.t().tolist()):
        graph.add_edge(*ends, **{name: values[k] for name, values in attributes.items()})
    return graph


def corners(side: float) -> Tensor:
    return side * torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def warned(call: Any) -> list[str]:
    """What a call warns of; every warning points here."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    assert all(entry.filename == __file__ for entry in found)
    assert all(entry.category is UserWarning for entry in found)
    return [str(entry.message) for entry in found]


@pytest.mark.parametrize("weight", [[1, 2, 7], [3.0, 3.0, 12.0], [1, -4, 2]])
def test_weights_that_are_counts(weight: list[float]) -> None:
    (said,) = warned(lambda: FromNetworkX(ring(weight=weight)))
    assert f"whole numbers from {min(weight):g} to {max(weight):g}, as counts" in said
    assert "some 800 Hz. weights='counts' makes weights of counts" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The given weights")  # as the warning says
        FromNetworkX(ring(weight=weight))
    assert warned(lambda: FromNetworkX(ring(weight=weight), weights="jumps")) == []  # or so


@pytest.mark.parametrize("weight", [[1, 1, 1], [0.5, 2.0, 3.0], [0.2, -0.8, 0.1], [0, 2, 2]])
def test_weights_that_are_potentials(weight: list[float]) -> None:
    assert warned(FromNetworkX(ring(weight=weight))) == []


def test_what_the_library_wrote_is_taken_at_its_word() -> None:
    graph = Tissue(num_nodes=20, weight=2.0, weight_distribution="constant", seed=0)()
    assert warned(lambda: FromNetworkX(ng.to_networkx(graph))()) == []
    drawn = connectome(RING, torch.tensor([1, 5, 9]), 3, pos=corners(50.0))
    assert warned(lambda: FromNetworkX(ng.to_networkx(drawn))()) == []


@pytest.mark.parametrize("name", ["synapses", "count", "size", "nSyns", "number_of_fibers"])
def test_counts_under_another_name(name: str) -> None:
    graph = ring(**{name: [2, 3, 4]})
    (said,) = warned(lambda: FromNetworkX(graph))
    assert f"{name!r} counts synapses or fibers, and weights were made" in said
    assert warned(lambda: FromNetworkX(graph, weights="counts")) == []  # as the warning says
    both = ring(**{name: [2, 3, 4], "weight": [0.1, 0.2, 0.3]})
    assert warned(lambda: FromNetworkX(both)) == []
    data = FromNetworkX(graph, weights="counts")()
    made = connectome(data.edge_index, data[f"edge_{name}"], data.num_nodes)
    assert made.edge_count.tolist() == [2.0, 3.0, 4.0]
    assert torch.equal(data.edge_weight, made.edge_weight)


@pytest.mark.parametrize("place", ["graph", "argument"])
def test_positions_in_another_unit(place: str) -> None:
    def make(side: float, **options: Any) -> Any:
        graph, pos = ring(), corners(side)
        if place == "argument":
            return FromNetworkX(graph, pos=pos, **options)()
        nx.set_node_attributes(graph, dict(enumerate(pos.tolist())), "pos")
        return FromNetworkX(graph, **options)()

    (said,) = warned(lambda: make(0.3))  # millimetres
    assert "All delays by distance are 1 step: the longest edge spans 0.424 micrometres" in said
    assert warned(lambda: make(300.0)) == []
    assert warned(lambda: make(0.3, velocity=0.05)) == []
    assert make(0.3, velocity=0.05).edge_delay.tolist() == make(300.0).edge_delay.tolist()
    assert warned(lambda: make(0.3, max_delay=1)) == []
    assert warned(lambda: make(0.3, delay="uniform", max_delay=9)) == []
    assert warned(lambda: make(0.0)) == []  # all in one place


def test_lattices_and_given_delays_are_no_trap() -> None:
    assert warned(lambda: FromNetworkX(ring(), spacing=1.0)()) == []
    graph = ring(delay=[1, 1, 1])
    nx.set_node_attributes(graph, dict(enumerate(corners(0.1).tolist())), "pos")
    assert warned(lambda: FromNetworkX(graph)()) == []


def test_a_connectome_in_another_unit() -> None:
    count, pos = torch.tensor([1, 2, 3]), corners(0.3)
    assert warned(lambda: connectome(RING, count, 3, pos=pos)) == []  # any unit will do
    (said,) = warned(lambda: connectome(RING, count, 3, pos=pos, velocity=300.0))
    assert "0.424 micrometres at 300 micrometres per ms" in said
    assert warned(lambda: connectome(RING, count, 3, pos=1000 * pos, velocity=300.0)) == []
    assert warned(lambda: connectome(RING, count, 3, pos=pos, velocity=300.0, max_delay=1)) == []
    length = torch.tensor([0.1, 0.2, 0.1])
    (said,) = warned(
        lambda: connectome(RING, count, 3, pos=1000 * pos, length=length, velocity=300.0)
    )
    assert "the longest edge spans 0.2 micrometres" in said


@pytest.mark.parametrize("name", ["synapses", "count", "size", "Weight", "syn_count"])
def test_a_column_of_counts_in_a_table_of_counts(name: str, tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(f"pre,post,{name}\na,b,5\nb,a,2\n")
    assert warned(lambda: from_edge_table(None, path)) == []
    assert from_edge_table(None, path).edge_count.tolist() == [5.0, 2.0]
    if name != "Weight":
        path.write_text(f"pre,post,weight,{name}\na,b,5,1\nb,a,2,1\n")
        assert from_edge_table(None, path).edge_count.tolist() == [5.0, 2.0]
    path.write_text("pre,post,colour\na,b,5\nb,a,2\n")
    assert from_edge_table(None, path).edge_count.tolist() == [1.0, 1.0]


def test_fractions_in_a_table_of_counts(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("pre,post,weight\na,b,2\nb,a,0.25\na,a,0.5\n")
    (said,) = warned(lambda: from_edge_table(None, path))
    assert "2 of 3 entries are fractions, the first 0.25" in said
    assert warned(lambda: from_edge_table(None, path, power=0)) == []
    path.write_text("pre,post,weight\na,b,2\nb,a,1.0\n")
    assert warned(lambda: from_edge_table(None, path)) == []


def test_positions_under_capital_letters(tmp_path: Path) -> None:
    nodes, edges = tmp_path / "nodes.csv", tmp_path / "edges.csv"
    edges.write_text("pre,post\na,b\nb,a\n")
    nodes.write_text("name,X,Y,Z\na,0,0,0\nb,9,9,9\n")
    assert warned(lambda: from_edge_table(nodes, edges)) == []
    assert from_edge_table(nodes, edges).pos.tolist() == [[0.0] * 3, [9.0] * 3]


# Weights that reach a reservoir without a door in between


def counted(scale: float = 1.0, **how: Any) -> Data:
    graph = random_graph(0, 30, 200, **how)
    graph.edge_weight = torch.arange(200).remainder(37).add(1).float() * scale
    return graph


def told(call: Any, *starts: str) -> list[str]:
    """The warnings of a call that begin with one of ``starts``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if str(each.message).startswith(starts)]


def test_counts_that_reach_a_reservoir_as_they_are_are_named() -> None:
    glia = [ng.Astrocyte()]
    said = told(lambda: ng.TriglialReservoir(counted(), glia=glia), "The weights ('edge_weight')")
    assert len(said) == 1
    assert "from 1 to 37" in said[0]
    with pytest.warns(UserWarning, match="some 800 Hz"):
        ng.TriglialReservoir(counted())
    ways = [counted(1 / 37), random_graph(0, 30, 200), random_graph(0, 30, 20, weight=9.0)]
    ways += [ng.from_data(counted(), weights=meant) for meant in ("counts", "jumps")]
    for graph in ways:
        assert told(lambda graph=graph: ng.TriglialReservoir(graph), "The weights (") == []
    volts = ng.LIFParameters(v_th=40.0)  # whole numbers of mV
    assert told(lambda: ng.TriglialReservoir(counted(), neuron=volts), "The weights (") == []


def test_the_remedy_for_raw_counts_works() -> None:
    graph = ng.from_data(counted(), weights="counts", inhibitory_fraction=0.2)
    assert float(graph.edge_weight.abs().mean()) < 1.0
    run = ng.TriglialReservoir(graph, bias=(0.7, 1.1)).run(num_steps=200)
    assert float(run.rates().mean()) < 200.0


@pytest.mark.parametrize("door", ["from_networkx", "read_graph"])
def test_weights_of_one_for_want_of_any_are_named(door: str, tmp_path: Path) -> None:
    graph = nx.gnp_random_graph(30, 0.2, seed=0, directed=True)
    nx.write_graphml(graph, tmp_path / "g.graphml")
    doors = {
        "from_networkx": lambda: ng.from_networkx(graph),
        "read_graph": lambda: ng.exchange.read_graph(tmp_path / "g.graphml"),
    }
    said = told(doors[door], "The edges have no weight")
    assert len(said) == 1
    assert "from_data(graph)" in said[0]
    nx.set_edge_attributes(graph, 0.5, "weight")
    assert told(lambda: ng.from_networkx(graph), "The edges have no") == []
