"""The report as a browser shows it: no complaint, all there, readable, and the graph turns."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import pyngn_graph as ng
from pyngn_graph.report import Experiment, experiment_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

CAMERA = "JSON.stringify(document.querySelector('.js-plotly-plot').layout.scene.camera)"
DRAWN = "!!document.querySelector('.js-plotly-plot canvas')"
OUTSIDE = """() => Array.from(document.querySelectorAll("main *:not(svg *, .js-plotly-plot *)"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .filter((each) => !each.closest(".scroll"))
    .map((each) => each.outerHTML.slice(0, 80))"""
COLORS = """() => ["body", ".note", "dt", "thead th"].map((name) => [
    getComputedStyle(document.querySelector(name)).color,
    getComputedStyle(document.querySelector(name === "body" ? name : ".block")).backgroundColor])"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    graph = ng.generators.Tissue(num_nodes=120, seed=0)()
    glia = [ng.Astrocyte(rule="multiplicative"), ng.Oligodendrocyte(), ng.Microglia()]
    reservoir = ng.TriglialReservoir(graph, in_channels=3, glia=glia, glia_period=200)
    x = torch.rand(2, 500, 3, generator=generator)
    before = reservoir.run(x, progress=False)
    life = reservoir.adapt(x, record="gain", progress=False)
    after = reservoir.run(x, progress=False)
    experiment = Experiment(
        title="A living spiking reservoir",
        summary="What a tissue of 120 neurons became. " * 4,
        scores={"with glia": 0.97, "without glia": 0.9},
        before=before,
        life=life,
        after=after,
        y_true=torch.tensor([0, 1, 2, 2]),
        y_pred=torch.tensor([0, 1, 2, 1]),
        target_rate=20.0,
        parameters={f"parameter_{number}": number for number in range(12)},
        versions={"a-package-with-quite-a-long-name": "1.2.3+a.long.local.version"},
        footer="The end.",
    )
    return experiment_report(tmp_path_factory.mktemp("report") / "report.html", experiment)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    flags = ["--no-sandbox", "--enable-unsafe-swiftshader"]  # as root, and without a GPU
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        found.close()


def opened(browser: Any, report: Path, width: int, scheme: str) -> tuple[Any, list[str], list[str]]:
    """The page, what the browser complains of, and everything it asked for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints, requests = list[str](), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto(report.as_uri())
    page.wait_for_function(DRAWN)
    return page, complaints, requests


def contrast(colors: tuple[str, str]) -> float:
    """Ratio of luminances of two colors ``rgb(r, g, b)`` (WCAG 2)."""

    def luminance(color: str) -> float:
        parts = [float(part) / 255 for part in color[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, colors))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_whole_and_readable(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, complaints, requests = opened(browser, report, width, scheme)
    assert complaints == []
    assert requests == [report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    pictures = page.locator("figure > svg")
    assert pictures.count() == 7
    for number in range(7):
        box = pictures.nth(number).bounding_box()
        assert box["width"] >= min(300, width - 60)
        assert box["height"] > 100
    assert page.locator(".scene").bounding_box()["height"] > 250
    assert min(map(contrast, page.evaluate(COLORS))) >= 4.5
    assert page.locator("h1").count() == 1
    assert page.locator("svg[role=img][aria-label]").count() == 7
    page.close()


def test_the_graph_turns(browser: Any, report: Path) -> None:
    page, complaints, _ = opened(browser, report, 1280, "light")
    scene = page.locator(".js-plotly-plot")
    scene.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    before, picture, box = page.evaluate(CAMERA), scene.screenshot(), scene.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(10):  # the scene follows the mouse from frame to frame
        page.mouse.move(x + 12 * step, y + 4 * step)
        page.wait_for_timeout(50)
    page.mouse.up()
    page.wait_for_function(f"{CAMERA} !== {before!r}")
    assert scene.screenshot() != picture
    assert complaints == []
    page.close()


def test_it_follows_from_light_to_dark(browser: Any, report: Path) -> None:
    page, _, _ = opened(browser, report, 1280, "light")
    ink = "document.querySelector('.js-plotly-plot').layout.font.color"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{ink} !== {light!r}")
    page.close()
