"""Where a graph comes from: what was read, drawn or left out, as text on the graph itself."""

from torch_geometric.data import Data

KEY = "provenance"
"""The attribute: lines of ``heading: text``, so that files, batches and glia carry it along."""


def noted(data: Data, notes: dict[str, str]) -> Data:
    """The graph, which says ``notes`` of itself beside what it said before."""
    if notes:
        lines = provenance(data) | notes
        data[KEY] = "\n".join(
            f"{heading}: {' '.join(text.split())}" for heading, text in lines.items()
        )
    return data


def provenance(data: Data) -> dict[str, str]:
    """What a graph says of where it comes from, by heading."""
    text = data.get(KEY)
    if not isinstance(text, str):
        return {}
    pairs = (line.partition(": ") for line in text.splitlines() if ": " in line)
    return {heading: said for heading, _, said in pairs}
