"""A report: one HTML file with tables and pictures that opens without a network."""

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from pyngn_graph.disk import expanded
from pyngn_graph.plot.style import EXCITATORY, INHIBITORY, needed
from pyngn_graph.storage import write_bytes

PAGE_COLORS = {"#000000": "currentColor", EXCITATORY: "var(--blue)", INHIBITORY: "var(--orange)"}
"""Colors of figures that the page replaces by its own, brighter ones in dark mode."""


@dataclass(frozen=True)
class Table:
    """A table; cells of a column that all begin like numbers are set flush right.

    Attributes:
        title: Its heading.
        columns: Heads of the columns.
        rows: Cells, one sequence per row; the first names the row.
        note: A sentence below.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, in as many columns as there is room for, over the full width of the page.

    Attributes:
        title: Their heading.
        values: Value by name.
    """

    title: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A picture with a sentence that says what is seen.

    Attributes:
        title: Its heading.
        figure: A matplotlib or plotly figure.
        note: A sentence below; also what a screen reader reads out.
        wide: Whether it takes the full width of the page.
    """

    title: str
    figure: Any
    note: str = ""
    wide: bool = False


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    blocks: Sequence[Table | Facts | Picture],
    summary: str = "",
    footer: str = "",
) -> Path:
    """Writes ``blocks`` as one self-contained HTML file and returns its path.

    The page loads nothing (a content security policy in it forbids that), adapts to narrow
    screens and to dark mode. Matplotlib figures become SVG whose black lines and texts take the
    color of the page; plotly's code is put in once if there is a plotly figure. All text is
    escaped. The file is written under a temporary name and renamed, so that a reader never sees
    half of it; folders are made as needed.

    Raises:
        TypeError: If a block or a figure is of another kind; nothing is written.
    """
    page = Template(_resource("template.html"))
    parts = [_block(block, f"block-{number}") for number, block in enumerate(blocks)]
    has_scene = any(isinstance(block, Picture) and _is_plotly(block.figure) for block in blocks)
    text = page.substitute(
        title=escape(title),
        summary=escape(summary),
        footer=escape(footer),
        blocks="\n".join(parts),
        library=_script(needed("plotly.offline").get_plotlyjs()) if has_scene else "",
        theme=_script(_resource("scene.js")) if has_scene else "",
    )
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())
    return path


def _block(block: Table | Facts | Picture, name: str) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Facts):
        return _facts(block)
    if not isinstance(block, Picture):
        raise TypeError(
            f"A report holds 'Table', 'Facts' and 'Picture' (got {type(block).__name__})"
        )
    if _is_plotly(block.figure):
        body = _scene(block.figure, name)
    elif hasattr(block.figure, "savefig"):
        body = _svg(block.figure, block.note or block.title)
    else:
        raise TypeError(
            f"'figure' must be a matplotlib or plotly figure (got {type(block.figure).__name__})"
        )
    return (
        f'<figure class="block{" wide" if block.wide else ""}"><h2>{escape(block.title)}</h2>\n'
        f'{body}\n<figcaption class="note">{escape(block.note)}</figcaption></figure>'
    )


def _table(table: Table) -> str:
    rows = [[str(cell) for cell in row] for row in table.rows]
    width = max([len(table.columns), *map(len, rows)], default=0)
    number = [
        all(re.match(r"[-+]?\d|-$", row[k]) for row in rows if k < len(row)) for k in range(width)
    ]
    kind = [' class="number"' if number[k] and k else "" for k in range(width)]
    head = "".join(
        f'<th scope="col"{kind[k]}>{escape(cell)}</th>' for k, cell in enumerate(table.columns)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{kind[k]}>{escape(cell)}</td>" if k else f'<th scope="row">{escape(cell)}</th>'
            for k, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<section class="block"><h2>{escape(table.title)}</h2>\n<div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}</section>"
    )


def _facts(facts: Facts) -> str:
    pairs = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in facts.values.items()
    )
    return f'<section class="block wide"><h2>{escape(facts.title)}</h2>\n<dl>{pairs}</dl></section>'


def _is_plotly(figure: Any) -> bool:
    return hasattr(figure, "to_plotly_json")


def _scene(figure: Any, name: str) -> str:
    # The wheel scrolls the page, and no button offers to send the figure into a cloud.
    config = {
        "responsive": True,
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["sendChartToCloud"],
    }
    html = figure.to_html(
        config=config, include_plotlyjs=False, full_html=False, div_id=name, default_height="100%"
    )
    return f'<div class="scene">{html}</div>'


def _script(code: str) -> str:
    return f"<script>{code}</script>"


def _resource(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _svg(figure: Any, description: str) -> str:
    """The figure as an element of the page, without identifiers that two figures would share."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # A fixed salt makes equal figures equal files.
    with needed("matplotlib").rc_context({"svg.fonttype": "none", "svg.hashsalt": "pyngn_graph"}):
        figure.savefig(buffer, format="svg", transparent=True, dpi=200, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for color, name in PAGE_COLORS.items():
        svg = svg.replace(f": {color.lower()}", f": {name}")
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
