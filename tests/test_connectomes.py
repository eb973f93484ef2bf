import hashlib
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import DATA
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader

import pyngn_graph as ng
from pyngn_graph.datasets import (
    CElegans,
    DrosophilaLarva,
    celegans,
    connectome,
    from_edge_table,
    larva,
    spectral_layout,
)
from pyngn_graph.graph import in_degree

NODES = """name, x, y, z, sign, remark
AVA, 0, 0, 0, 1, left
DD1, 30, 0, 0, -1, right
RIS, 0, 40, 0, , unknown
CAN, 0, 0, 0, 0, alone
"""
EDGES = """pre,post,type,weight
AVA,DD1,chemical,4
DD1,RIS,chemical,9
DD1,RIS,electrical,1
RIS,DD1,electrical,1
RIS,RIS,chemical,1
"""


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "edges.csv").write_text(EDGES)
    return tmp_path / "nodes.csv", tmp_path / "edges.csv"


def edges_of(data: Data, key: str) -> dict[tuple[str, str, str], float]:
    """An attribute of every edge by the names of its ends and its type."""
    name, kinds = data.node_label, data.synapse_types
    ends = [[name[i] for i in row] for row in data.edge_index.tolist()]
    types = [kinds[i] for i in data.edge_type.tolist()]
    return dict(zip(zip(*ends, types, strict=True), data[key].tolist(), strict=True))


# --- a wiring by hand


def test_weights_and_delays_by_hand(tables: tuple[Path, Path]) -> None:
    data = from_edge_table(*tables)
    assert data.node_label == ["AVA", "DD1", "RIS", "CAN"]
    assert data.inhibitory.tolist() == [False, True, False, False]  # unknown means excitatory
    assert data.synapse_types == ["chemical", "electrical"]
    mean = (2 + 3 + 1 + 1 + 1) / 5
    weights = edges_of(data, "edge_weight")
    assert weights == {
        ("AVA", "DD1", "chemical"): pytest.approx(0.2 * 2 / mean),
        ("DD1", "RIS", "chemical"): pytest.approx(-4 * 0.2 * 3 / mean),
        ("DD1", "RIS", "electrical"): pytest.approx(0.2 / mean),  # a gap junction excites
        ("RIS", "DD1", "electrical"): pytest.approx(0.2 / mean),
        ("RIS", "RIS", "chemical"): pytest.approx(0.2 / mean),
    }
    # The diagonal of the box, 50 micrometres, takes 100 steps.
    delays = edges_of(data, "edge_delay")
    assert delays["DD1", "RIS", "chemical"] == 100
    assert delays["AVA", "DD1", "chemical"] == math.floor(1.5 + 99 * 30 / 50)
    assert delays["RIS", "RIS", "chemical"] == 1
    assert data.velocity == pytest.approx(50 / 99)
    lengths = [30, 50, 50, 50, 0]
    assert data.length_scale == pytest.approx(math.sqrt(sum(d * d for d in lengths) / 5))
    assert data.edge_count.tolist() == [4, 9, 1, 1, 1]


def test_options_by_hand(tables: tuple[Path, Path]) -> None:
    def delays(**options: Any) -> list[int]:
        return from_edge_table(*tables, **options).edge_delay.tolist()

    assert delays(velocity=10.0) == [4, 6, 6, 6, 1]
    assert delays(velocity=10.0, dt=0.5) == [7, 11, 11, 11, 1]
    assert delays(velocity=10.0, max_delay=5) == [4, 5, 5, 5, 1]
    assert delays(velocity=0.1, max_delay=None) == [301, 501, 501, 501, 1]
    assert max(delays(dt=0.5)) == 100
    assert delays(max_delay=1) == [1] * 5
    linear = from_edge_table(*tables, power=1.0, weight=1.6, inhibition=2.0, types="chemical")
    mean = (4 + 9 + 1) / 3
    expected = torch.tensor([4.0, -18.0, 1.0]) * 1.6 / mean
    torch.testing.assert_close(linear.edge_weight, expected)
    assert linear.synapse_types == ["chemical"]
    flat = from_edge_table(*tables, power=0.0, types=["electrical", "chemical"], autapses=False)
    torch.testing.assert_close(flat.edge_weight, torch.tensor([0.2, -0.8, 0.2, 0.2]))
    assert flat.edge_type.tolist() == [1, 1, 0, 0]
    for share, number in ((0.5, 2), (1.0, 3)):  # of the two cells of unknown sign
        drawn = from_edge_table(*tables, inhibitory_fraction=share, seed=3)
        assert drawn.inhibitory[:2].tolist() == [False, True]
        assert int(drawn.inhibitory.sum()) == number


def test_tables_with_the_least_columns(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("post,pre\r\nb,a\r\na,c\r\n")
    data = from_edge_table(None, tmp_path / "e.csv", max_delay=7, seed=5)
    assert data.node_label == ["a", "b", "c"]
    assert data.edge_index.tolist() == [[0, 2], [1, 0]]
    torch.testing.assert_close(data.edge_weight, torch.full((2,), 0.2))
    assert "pos" not in data  # nothing is made up unasked
    assert "edge_type" not in data
    assert int(data.edge_delay.max()) <= 7
    (tmp_path / "n.csv").write_text("\ufeffname\nc\nb\na\nlonely\n", encoding="utf-8")
    named = from_edge_table(tmp_path / "n.csv", tmp_path / "e.csv")
    assert named.node_label == ["c", "b", "a", "lonely"]
    assert named.num_nodes == 4
    (tmp_path / "e.csv").write_text("pre,post\n")
    empty = from_edge_table(tmp_path / "n.csv", tmp_path / "e.csv")
    assert empty.edge_index.shape == (2, 0)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (
            NODES,
            "pre,weight\n",
            "'edges.csv' must have the columns 'source' and 'target', or 'pre' and.*got",
        ),
        (NODES, "", "'edges.csv' is empty; its first line must name its columns"),
        ("hue\nA\n", EDGES, "'nodes.csv' must have a column of names, 'id' or 'name'"),
        (
            NODES,
            EDGES + "AVA,DD1\n",
            r"'edges.csv' .* row 6 \(line 7\) must have 4 entries \(got 2\)",
        ),
        (
            NODES,
            EDGES + "AVA,XYZ,chemical,1\n",
            r"'edges.csv' .* row 6 \(line 7\) has post = 'XYZ', which",
        ),
        (
            NODES,
            EDGES + "AVA,DD1,chemical,many\n",
            "row 6 .line 7., column 'weight': 'many', must be a finite",
        ),
        (
            NODES,
            EDGES + "AVA,DD1,chemical,nan\n",
            "column 'weight': 'nan', must be a finite number",
        ),
        (
            NODES,
            EDGES + "AVA,DD1,chemical,0\n",
            "row 6 .line 7., column 'weight': 0.0, must be a positive count",
        ),
        (
            NODES + "AVA,0,0,0,0,x\n",
            EDGES,
            "column 'name': 'AVA' twice, as in row 1 .line 2.. Names of nodes must be unique",
        ),
        (NODES.replace("y", "w"), EDGES, r"columns x, y and z or none \(got \['x', 'z'\]\)"),
        (NODES.replace("30", "far"), EDGES, "row 2 .line 3., column 'x': 'far', must be a finite"),
        (
            NODES.replace("-1", "2"),
            EDGES,
            "row 2 .line 3., column 'sign': '2', must be -1, 1, or 0 or",
        ),
        (NODES, 'pre,post\n"A\0' + "x" * 200_000, "'edges.csv' is no (text|readable table)"),
    ],
)
def test_bad_tables(tables: tuple[Path, Path], nodes: str, edges: str, message: str) -> None:
    tables[0].write_text(nodes)
    tables[1].write_text(edges)
    with pytest.raises(ValueError, match=message):
        from_edge_table(*tables)


def test_bad_options(tables: tuple[Path, Path]) -> None:
    for options, message in (
        ({"types": ["gap"]}, r"Unknown types \['gap'\]; available: \['chemical', 'electrical'\]"),
        ({"types": []}, r"Unknown types \[\]"),
        ({"power": -1.0}, r"'power' must be at least 0, e.g. 0.5 \(got -1.0\)"),
        ({"max_delay": 0}, "'max_delay' must be an int of at least 1"),
        ({"max_delay": None}, "'max_delay' must be set where 'velocity' is not"),
        ({"velocity": 0.0}, "'velocity' must be a positive speed"),
        ({"dt": 0.0}, "'dt' must be a positive step"),
        ({"inhibitory_fraction": 1.5}, "'inhibitory_fraction' must be a share"),
        ({"delay": "far"}, "Unknown delay 'far'"),
        ({"layout": "spectral"}, "The neurons have positions"),
        ({"layout": "ring"}, r"Unknown layout 'ring'; available: \['spectral'\]"),
        ({"names": ["a"]}, None),
    ):
        error = TypeError if message is None else ValueError
        with pytest.raises(error, match=message):
            from_edge_table(*tables, **options)
    with pytest.raises(FileNotFoundError, match=r"missing\.csv"):
        from_edge_table(None, tables[0].with_name("missing.csv"))


def test_wirings_as_tensors() -> None:
    edge_index = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(ValueError, match=r"'edge_count' must have 2 rows \(got 3\)"):
        connectome(edge_index, torch.ones(3), 3)
    with pytest.raises(ValueError, match=r"'names' must have 3 rows \(got 1\)"):
        connectome(edge_index, torch.ones(2), 3, names=["a"])
    with pytest.raises(ValueError, match=r"delay='distance' needs 'pos' \(got None\)"):
        connectome(edge_index, torch.ones(2), 3, delay="distance")
    with pytest.raises(ValueError, match=r"'pos' must be finite"):
        connectome(edge_index, torch.ones(2), 3, pos=torch.full((3, 3), math.nan))
    with pytest.raises(ValueError, match="'edge_index' must lie in"):
        connectome(edge_index, torch.ones(2), 2)
    # Equal seeds, equal graphs; and the arguments stay as they are.
    sign, count = torch.zeros(3, dtype=torch.long), torch.tensor([1, 2])
    first, again = (
        connectome(edge_index, count, 3, sign=sign, inhibitory_fraction=0.4, seed=1)
        for _ in range(2)
    )
    assert torch.equal(first.edge_weight, again.edge_weight)
    assert torch.equal(first.edge_delay, again.edge_delay)
    first.edge_index.fill_(0)
    first.edge_count.fill_(0.0)
    assert edge_index.tolist() == [[0, 1], [1, 2]]
    assert sign.tolist() == [0, 0, 0]
    assert count.tolist() == [1, 2]
    # All somata in one place: every delay is 1 step.
    same = connectome(edge_index, count, 3, pos=torch.ones(3, 3))
    assert same.edge_delay.tolist() == [1, 1]


def test_names_survive_networkx_and_files(tables: tuple[Path, Path], tmp_path: Path) -> None:
    data = from_edge_table(*tables)
    graph = ng.to_networkx(data)
    assert set(graph) == {"AVA", "DD1", "RIS", "CAN"}
    assert graph["DD1"]["RIS"][0]["count"] == 9
    back = ng.from_networkx(graph)
    assert set(back.keys()) >= set(data.keys())
    for key, value in data.to_dict().items():
        assert torch.equal(back[key], value) if isinstance(value, Tensor) else back[key] == value
    reservoir = ng.TriglialReservoir(data, in_channels=2, seed=0)
    reservoir.save(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors").graph
    assert loaded.node_label == data.node_label
    assert loaded.synapse_types == data.synapse_types


# --- the spectral layout


def test_the_first_axis_of_the_layout_divides_two_groups() -> None:
    # Two groups of 10, everybody linked to everybody within, one weak link between them.
    inside = torch.combinations(torch.arange(10)).t()
    index = torch.cat([inside, inside + 10, torch.tensor([[0], [10]])], dim=1)
    size = torch.ones(91).index_fill(0, torch.tensor(90), 0.5)
    pos = spectral_layout(index, size, 20)
    side = pos[:, 0] > 0
    assert side[:10].unique().numel() == side[10:].unique().numel() == 1
    assert bool(side[0] != side[10])
    torch.testing.assert_close(pos.mean(dim=0), torch.zeros(3), atol=1e-3, rtol=0)
    spread = torch.full((3,), 100 * 20 ** (1 / 3) / math.sqrt(12))
    torch.testing.assert_close(pos.std(dim=0, correction=0), spread)
    # The direction of edges does not matter.
    turned = spectral_layout(index.flip(0), size, 20)
    torch.testing.assert_close(turned[:, 0].abs(), pos[:, 0].abs())


def test_both_solvers_of_the_layout_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    index = torch.randint(60, (2, 200), generator=g)
    count = torch.rand(200, generator=g)
    dense = spectral_layout(index, count, 60)
    monkeypatch.setattr("pyngn_graph.datasets.layout.DENSE", 10)
    torch.testing.assert_close(spectral_layout(index, count, 60), dense, atol=0.05, rtol=1e-3)
    with pytest.raises(ValueError, match=r"at least 5 neurons \(got 4\)"):
        spectral_layout(torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), 4)


# --- the worm, from small tables


def worm_tables(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    head = "name,x_um,y_um,z_um,atlas_x_um,role,transmitter,sign,sign_gaba26\n"
    files = {
        "neurons.csv": head
        + "ADAL,0,-30,0,9.5,Interneuron,Glutamate,1,1\n"
        + "DD1,0,0,0,,Motor Neuron,GABA,-1,-1\n"
        + "AVL,0,10,0,3,SensoryNeuron,GABA,-1,1\n",
        "edges_cook2019.csv": "pre,post,type,weight\nAVL,ADAL,chemical,4\nAVL,DD1,electrical,1\n",
        "edges_openworm.csv": "pre,post,type,weight\nDD1,ADAL,chemical,2\n",
    }
    for name, text in files.items():
        (root / name).write_text(text)
        monkeypatch.setitem(celegans.SHA256, name, hashlib.sha256(text.encode()).hexdigest())
    return root


def test_worm_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = worm_tables(tmp_path, monkeypatch)
    ds = CElegans(root)
    assert isinstance(ds, InMemoryDataset)
    assert len(ds) == 1
    data = ds[0]
    assert data.pos.tolist() == [[0, -30, 0], [0, 0, 0], [0, 10, 0]]
    assert data.role == ["Interneuron", "Motor Neuron", "SensoryNeuron"]
    assert data.inhibitory.tolist() == [False, True, True]
    assert data.edge_delay.tolist() == [100, math.floor(1.5 + 99 / 4)]
    torch.testing.assert_close(data.edge_weight, torch.tensor([-1.6, 0.2]) / 1.5)
    classical = CElegans(root, signs="gaba26", types=["chemical"], weight=0.1)[0]
    assert classical.inhibitory.tolist() == [False, True, False]
    torch.testing.assert_close(classical.edge_weight, torch.tensor([0.1]))
    assert CElegans(root, "openworm", types=["chemical"])[0].edge_index.tolist() == [[1], [0]]
    halved = CElegans(root, transform=lambda d: d.update({"note": "seen"}) or d)
    assert halved[0].note == "seen"
    assert sorted(p.name for p in root.iterdir()) == sorted(celegans.SHA256)  # no cache
    assert next(iter(DataLoader(ds))).num_nodes == 3


def test_worm_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = worm_tables(tmp_path, monkeypatch)
    with pytest.raises(ValueError, match=r"Unknown edges 'white'; available: \['cook2019', 'open"):
        CElegans(root, "white")
    with pytest.raises(ValueError, match=r"Unknown signs 'all'; available: \['transmitter', 'gaba"):
        CElegans(root, signs="all")
    with pytest.raises(ValueError, match=r"Unknown types \['electrical'\]; available"):
        CElegans(root, "openworm")
    path = root / "edges_openworm.csv"
    path.write_text(path.read_text() + "ADAL,DD1,chemical,1\n")
    with pytest.raises(ValueError, match=r"'edges_openworm.csv' is not the file that was expected"):
        CElegans(root, "openworm", types=["chemical"])
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"not hold 'edges_openworm.csv'.*openworm/c302"):
        CElegans(root, "openworm")


# --- the larva, from a small archive


def larva_archive(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ["29", "7", "105", "31", "8"]
    rng = np.random.default_rng(1)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, kind in enumerate(larva.TYPES):
            order = names if i == 0 else [names[j] for j in rng.permutation(5)]
            rows = [f"{a}," + ",".join(f"{count(kind, a, b):.1f}" for b in order) for a in order]
            table = "\n".join(["," + ",".join(order), *rows, ""])
            archive.writestr(larva.MATRIX.format(kind), table)
        annotations = "left_id,right_id,celltype,more\nno pair,29,KC,x\n7,105,PN,\n"
        archive.writestr(larva.ANNOTATIONS, annotations)
    (root / larva.FILE).write_bytes(file.getvalue())
    monkeypatch.setattr(larva, "SHA256", hashlib.sha256(file.getvalue()).hexdigest())
    return root


def count(kind: str, pre: str, post: str) -> int:
    known = {("ad", "7", "29"): 10, ("aa", "7", "29"): 2, ("aa", "31", "105"): 30}
    return {**known, ("dd", "8", "8"): 1, ("da", "29", "8"): 5}.get((kind, pre, post), 0)


def test_larva_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = larva_archive(tmp_path, monkeypatch)
    data = DrosophilaLarva(root)[0]

    def counts(data: Data) -> dict[tuple[str, ...], float]:
        ends = [[data.node_label[i] for i in row] for row in data.edge_index.tolist()]
        return dict(zip(zip(*ends, strict=True), data.edge_count.tolist(), strict=True))

    # Each table has its neurons in another order.
    assert counts(data) == {("7", "29"): 12, ("31", "105"): 30, ("8", "8"): 1, ("29", "8"): 5}
    assert data.node_label == ["29", "7", "105", "31", "8"]
    assert data.celltype == ["KC", "PN", "PN", "", ""]
    assert "pos" not in data
    assert int(data.inhibitory.sum()) == 1
    one = DrosophilaLarva(root, types=["aa"], inhibitory_fraction=0.0)[0]
    assert counts(one) == {("7", "29"): 2, ("31", "105"): 30}
    assert one.node_label == data.node_label
    laid_out = DrosophilaLarva(root, layout="spectral", delay="distance")[0]
    assert laid_out.layout == "spectral"
    assert laid_out.pos.shape == (5, 3)
    with pytest.raises(ValueError, match="delay='distance' needs 'pos'"):
        DrosophilaLarva(root, delay="distance")
    with pytest.raises(ValueError, match=r"Unknown types \['xx'\]; available: \['ad', 'aa'"):
        DrosophilaLarva(root, types=["xx"])
    archive = root / larva.FILE
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"'Supplementary-Data-S1.zip' is not the file that was"):
        DrosophilaLarva(root)
    archive.unlink()
    with pytest.raises(FileNotFoundError, match=r"Supplementary-Data-S1.zip'; get it from https"):
        DrosophilaLarva(root)


# --- the real ones

worm = pytest.mark.skipif(not (DATA / "celegans").is_dir(), reason="needs it in PYNGN_DATA")
fly = pytest.mark.skipif(not (DATA / "drosophila_larva").is_dir(), reason="needs it in PYNGN_DATA")


@worm
@pytest.mark.parametrize(
    ("edges", "numbers", "sums"),
    [("cook2019", [3638, 2168], [20589, 8642]), ("openworm", [2279, 1084], [6465, 1847])],
)
def test_worm_is_what_its_card_says(edges: str, numbers: list[int], sums: list[int]) -> None:
    data = CElegans(DATA / "celegans", edges)[0]
    assert data.num_nodes == len(set(data.node_label)) == 302
    assert data.edge_type.bincount().tolist() == numbers
    assert data.edge_type.bincount(data.edge_count.double()).tolist() == sums
    assert int(data.inhibitory.sum()) == 35
    silent = torch.ones(302, dtype=torch.bool).index_fill(0, data.edge_index.flatten(), False)
    names = {data.node_label[i] for i in silent.nonzero().flatten().tolist()}
    assert names >= {"CANL", "CANR"}
    assert int(CElegans(DATA / "celegans", signs="gaba26")[0].inhibitory.sum()) == 26


@worm
def test_the_worm_lives() -> None:
    data = CElegans(DATA / "celegans")[0]
    before = data.clone()
    glia = [
        ng.Astrocyte(rho=0.02, rule="multiplicative"),
        ng.Oligodendrocyte(),
        ng.Microglia(keep=0.8, regrow=True, seed=0),
    ]
    reservoir = ng.TriglialReservoir(
        data,
        in_channels=1,
        neuron=ng.LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
        glia=glia,
        seed=0,
    )
    x = torch.randn(1, 1500, 1, generator=torch.Generator().manual_seed(0))
    recording = reservoir.adapt(x)
    assert recording.events.size(0) > 0
    graph = ng.to_networkx(reservoir.graph)
    assert {"AVAL", "CANR"} <= set(graph)
    assert int(in_degree(reservoir.graph).sum()) <= data.num_edges
    for key, value in before.to_dict().items():
        assert torch.equal(data[key], value) if isinstance(value, Tensor) else data[key] == value


@fly
def test_the_layout_of_the_larva_brings_partners_together() -> None:
    data = DrosophilaLarva(DATA / "drosophila_larva", layout="spectral", delay="distance")[0]
    ends = data.pos[data.edge_index]
    other = data.pos[data.edge_index[1].roll(data.num_edges // 2)]  # those of other axons
    assert float((ends[0] - ends[1]).norm(dim=1).mean()) < 0.8 * float(
        (ends[0] - other).norm(dim=1).mean()
    )
    assert 1 <= int(data.edge_delay.min()) <= int(data.edge_delay.max()) <= 100


@fly
def test_larva_is_what_its_card_says() -> None:
    data = DrosophilaLarva(DATA / "drosophila_larva")[0]
    assert (data.num_nodes, data.num_edges) == (2952, 110_677)
    assert float(data.edge_count.double().sum()) == 352_611
    assert int((data.edge_index[0] == data.edge_index[1]).sum()) == 537
    assert len(set(data.celltype)) == 18
    assert data.celltype.count("KC") == 144
    assert int(data.inhibitory.sum()) == 590
