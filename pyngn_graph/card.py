"""The card that a notebook shows for an object."""

import html
from collections.abc import Mapping
from typing import Any


def card(title: str, facts: Mapping[str, Any]) -> str:
    """A small HTML table: a heading, and a row for each fact.

    All text is escaped; its lines stay lines.
    """
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{_text(value)}</td></tr>"
        for name, value in facts.items()
    )
    heading = f"<th colspan='2' style='text-align:left'>{html.escape(title)}</th>"
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table>"


def _text(value: Any) -> str:
    return html.escape(str(value)).replace("\n", "<br>")
