import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from matplotlib.figure import Figure

import pyngn_graph as ng
from pyngn_graph.generators import Tissue
from pyngn_graph.report import Experiment, Picture, Table, experiment_report, write_report

EVIL = "</script><b>&\"'"


class Page(HTMLParser):
    """What a reader of the file would see: elements, their attributes, and the text."""

    def __init__(self, page: Path | str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open, self.scripts = "", [""], [""]
        self.feed(page if isinstance(page, str) else page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open[-1] != "style":
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def line_figure(title: str = "") -> Figure:
    figure = Figure()
    figure.subplots().plot([0, 1], [0, 1], label=title)
    figure.axes[0].set_title(title)
    return figure


def scene(title: str = "") -> Any:
    return go.Figure(go.Scatter3d(x=[0, 1], y=[0, 1], z=[0, 1], name=title))


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    glia = [ng.Astrocyte(rule="multiplicative"), ng.Oligodendrocyte(), ng.Microglia()]
    graph = Tissue(num_nodes=40, seed=0)()
    reservoir = ng.TriglialReservoir(graph, in_channels=2, glia=glia, glia_period=50)
    x = torch.randn(3, 60, 2, generator=torch.Generator().manual_seed(0))
    before = reservoir.run(x)
    life = reservoir.adapt(x, record=("gain",), every=10)
    after = reservoir.run(x)
    return Experiment(
        title="Forty neurons",
        summary="A test.",
        scores={"with glia": 0.9625, "without": 0.5},
        before=before,
        life=life,
        after=after,
        y_true=np.array([0, 1, 1]),
        y_pred=np.array([0, 1, 0]),
        target_rate=20.0,
        parameters={"seed": 0, "rule": "<multiplicative>"},
        versions={"torch": "2"},
        footer="pyngn-graph demo",
    )


def test_all_text_is_escaped(tmp_path: Path) -> None:
    blocks = [
        Table(EVIL, (EVIL, EVIL), [(EVIL, EVIL)], EVIL),
        Picture(EVIL, line_figure(EVIL), EVIL),
        Picture(EVIL, scene(EVIL), EVIL),
    ]
    path = write_report(tmp_path / "a.html", title=EVIL, summary=EVIL, footer=EVIL, blocks=blocks)
    page = Page(path)
    assert page.count("b") == 0
    # Head and heading, summary, footer, six in the table, and title, text and note of pictures.
    assert page.text.count(EVIL) == 4 + 6 + 3 + 2
    assert sum("Plotly.newPlot" in script for script in page.scripts) == 1


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    blocks = [Picture("a", line_figure()), Picture("b", scene())]
    page = Page(write_report(tmp_path / "a.html", title="t", blocks=blocks))
    links = {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base")
        for name in links & attributes.keys():
            assert str(attributes[name]).startswith(("#", "data:")), (tag, attributes)
    policy = [a["content"] for _, a in page.elements if a.get("http-equiv")]
    assert len(policy) == 1
    assert str(policy[0]).startswith("default-src 'none'")
    assert "http" not in str(policy[0])


def test_plotly_is_put_in_once_and_only_where_needed(tmp_path: Path) -> None:
    two = write_report(
        tmp_path / "a.html", title="t", blocks=[Picture("a", scene()), Picture("b", scene())]
    )
    assert 3e6 < two.stat().st_size < 6e6
    none = write_report(tmp_path / "b.html", title="t", blocks=[Picture("a", line_figure())])
    assert none.stat().st_size < 1e5
    assert Page(none).count("script") == 0


def test_two_figures_share_no_identifier(tmp_path: Path) -> None:
    blocks = [Picture(name, line_figure(name)) for name in "ab"]
    path = write_report(tmp_path / "a.html", title="t", blocks=blocks)
    first: dict[str | None, Any] = {}
    for element in Page(path).elements:
        name = element[1].get("id")
        # What repeats is a definition, named after its content.
        assert name is None or first.setdefault(name, element) == element
    assert first


def test_black_takes_the_color_of_the_page_but_given_colors_stay(tmp_path: Path) -> None:
    figure = line_figure()
    figure.axes[0].text(0, 0, "cell", color="#111111")
    path = write_report(tmp_path / "a.html", title="t", blocks=[Picture("a", figure)])
    text = path.read_text(encoding="utf-8")
    assert "stroke: currentColor" in text
    assert "#000000" not in text
    assert "#111111" in text


def test_equal_figures_make_equal_files(tmp_path: Path) -> None:
    files = [
        write_report(tmp_path / name, title="t", blocks=[Picture("a", line_figure("x"))])
        for name in "ab"
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_numbers_are_set_flush_right(tmp_path: Path) -> None:
    table = Table("t", ("name", "value", "text"), [("a", 1.5, "x"), ("b", "-", "2")])
    page = Page(write_report(tmp_path / "a.html", title="t", blocks=[table]))
    cells = [attributes.get("class") for tag, attributes in page.elements if tag == "td"]
    assert cells == ["number", None, "number", None]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = write_report(tmp_path / "new" / "a.html", title="old", blocks=[])
    with pytest.raises(TypeError, match=r"'figure' must be a matplotlib or plotly figure.*int"):
        write_report(path, title="new", blocks=[Picture("a", 1)])
    with pytest.raises(TypeError, match=r"holds 'Table', 'Facts' and 'Picture' \(got str\)"):
        write_report(path, title="new", blocks=["a"])  # type: ignore[list-item]

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_report(path, title="new", blocks=[])
    assert [file.name for file in path.parent.iterdir()] == ["a.html"]
    assert "old" in path.read_text(encoding="utf-8")


def test_the_report_of_an_experiment(tmp_path: Path, experiment: Experiment) -> None:
    page = Page(experiment_report(tmp_path / "report.html", experiment))
    for text in ("Forty neurons", "A test.", "96.2%", "<multiplicative>", "pyngn-graph demo"):
        assert text in page.text
    alive = [int(run.graph.edge_mask.sum()) for run in (experiment.before, experiment.after)]
    assert alive[1] < alive[0]
    assert f"edges alive{alive[0]}{alive[1]}" in page.text
    assert page.count("figure") == 8
    assert page.count("h2") == 12
    assert page.count("dt") == page.count("dd") == 3
    pictures = [a for tag, a in page.elements if tag == "svg" and a.get("role") == "img"]
    assert len(pictures) == 7
    assert all(attributes["aria-label"] for attributes in pictures)
    assert sum("scatter3d" in script and "newPlot" in script for script in page.scripts) >= 1


def test_a_report_shows_what_is_there(tmp_path: Path, experiment: Experiment) -> None:
    def without(run: Any) -> Any:
        graph = run.graph.clone()
        del graph.pos, graph.gain
        return replace(run, graph=graph, traces={})

    runs = {name: without(getattr(experiment, name)) for name in ("before", "life", "after")}
    less = replace(experiment, **runs, y_pred=None, scores={}, parameters={}, versions={})
    page = Page(experiment_report(tmp_path / "report.html", less))
    assert page.count("figure") == 5
    assert page.count("h2") == 6
    assert "median gain--" in page.text


def test_pictures_hold_their_pixels(tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot(range(9), range(9), ".", rasterized=True)
    path = write_report(tmp_path / "a.html", title="t", blocks=[Picture("a", figure)])
    (image,) = re.findall(r'"data:image/png;base64,([^"]*)"', path.read_text(encoding="utf-8"))
    assert base64.b64decode(image).startswith(b"\x89PNG")
