"""The report of an experiment: a reservoir before, while and after its glia were at work."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from pyngn_graph import plot
from pyngn_graph.graph import alive, round_delay
from pyngn_graph.plot.style import needed
from pyngn_graph.recording import Recording
from pyngn_graph.report.html import Facts, Picture, Table, write_report

LOOK = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
"""How the figures of a report differ from matplotlib's defaults, while they are drawn."""

NOTHING = "-"
"""What a table shows where there is no number."""


@dataclass(frozen=True)
class Experiment:
    """What an experiment leaves behind; the report shows what is there.

    Attributes:
        title: Heading of the report.
        summary: A few plain sentences: what was done, on which data, and what came out.
        scores: What was compared, and the share of correct answers of each, 0 to 1.
        before: Some trials, run before the glia were ever at work.
        life: What ``adapt`` recorded while the glia were at work, best with ``record=("gain",)``.
        after: The trials of ``before`` once more, afterwards.
        y_true: True classes of the test, or None.
        y_pred: Predicted classes of the test, or None.
        labels: Names of the classes.
        target_rate: Target of the astrocytes in Hz, or None.
        parameters: Names and values of all settings.
        versions: Names and versions of the software.
        footer: A line at the end, such as the command that was run.
    """

    title: str
    summary: str
    scores: Mapping[str, float]
    before: Recording
    life: Recording
    after: Recording
    y_true: Any = None
    y_pred: Any = None
    labels: list[str] | None = None
    target_rate: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    footer: str = ""


def experiment_report(path: str | os.PathLike[str], experiment: Experiment) -> Path:
    """Writes the report of ``experiment`` as one HTML file (see :func:`write_report`).

    Raises:
        ImportError: If matplotlib or plotly is missing.
    """
    blocks: list[Table | Facts | Picture] = []
    if experiment.scores:
        rows = [(name, f"{score:.1%}") for name, score in experiment.scores.items()]
        blocks.append(Table("Correct answers", ("readout of", "test accuracy"), rows))
    blocks.append(_changes(experiment.before, experiment.after))
    blocks += _pictures(experiment)
    for title, values in (("Parameters", experiment.parameters), ("Versions", experiment.versions)):
        if values:
            blocks.append(Facts(title, values))
    return write_report(
        path,
        title=experiment.title,
        summary=experiment.summary,
        blocks=blocks,
        footer=experiment.footer,
    )


def _pictures(experiment: Experiment) -> list[Picture]:
    before, life, after = experiment.before, experiment.life, experiment.after
    dots = "Each dot is a spike of one neuron, blue excitatory and orange inhibitory"
    pictures = [
        Picture("Spikes before", _figure(plot.raster, before), f"{dots}, in one trial."),
        Picture("Spikes after", _figure(plot.raster, after), f"{dots}, in the same trial."),
        Picture(
            "Firing rate while the glia were at work",
            _figure(plot.rate, life, target=experiment.target_rate),
            "Spikes per neuron and second; astrocytes turn the gain of each neuron until it "
            "fires at its target (dashed).",
        ),
    ]
    if "gain" in life.traces:
        pictures.append(
            Picture(
                "Gain of the neurons",
                _figure(plot.trace, life, "gain", label="gain (no unit)"),
                "The factor by which a neuron's astrocyte multiplies its recurrent input: median "
                "of all neurons, and the band that holds 80 % of them.",
            )
        )
    pictures += [
        Picture(
            "Delays before and after",
            _figure(plot.delays, before.graph, after.graph, legend=True),
            "How long spikes travel along the edges; oligodendrocytes spread or align these times.",
        ),
        Picture(
            "Edges alive",
            _figure(plot.edges_alive, life),
            "The number of edges that carry spikes; microglia prune unhealthy ones.",
        ),
    ]
    if after.graph.get("pos") is not None:
        scene = Picture(
            "The graph afterwards",
            plot.graph3d(after.graph),
            "Neurons at their places in the tissue, lines are live edges; drag to turn.",
            wide=True,
        )
        pictures.append(scene)
    if experiment.y_true is not None and experiment.y_pred is not None:
        matrix = _figure(
            plot.confusion,
            experiment.y_true,
            experiment.y_pred,
            labels=experiment.labels,
            size=(4.0, 3.4),
        )
        note = "Each row is a true class, each column an answer: right ones lie on the diagonal."
        pictures.append(Picture("Right and wrong answers", matrix, note))
    return pictures


def _figure(
    draw: Callable[..., Any],
    *args: Any,
    size: tuple[float, float] = (4.0, 2.6),
    legend: bool = False,
    **kwargs: Any,
) -> Any:
    """A figure of its own, unknown to pyplot, with one picture."""
    with needed("matplotlib").rc_context(LOOK):
        figure = needed("matplotlib.figure").Figure(figsize=size, layout="constrained")
        ax = draw(*args, ax=figure.subplots(), **kwargs)
        if legend:
            ax.legend()
    return figure


def _changes(before: Recording, after: Recording) -> Table:
    """Before and after in numbers."""
    facts: list[tuple[str, Callable[[Recording], str]]] = [
        ("mean firing rate (Hz)", lambda run: f"{float(run.rates().mean()):.1f}"),
        ("silent neurons", lambda run: f"{float((run.rates() == 0).double().mean()):.1%}"),
        ("synaptic events per ms", _events_per_ms),
        ("edges alive", lambda run: f"{int(alive(run.graph).sum()):,}"),
        ("median delay (ms)", _median_delay),
        ("median gain", _median_gain),
    ]
    rows = [(name, fact(before), fact(after)) for name, fact in facts]
    note = "Both columns: the same trials with the glia at rest."
    return Table("What the glia changed", ("", "before", "after"), rows, note)


def _events_per_ms(run: Recording) -> str:
    return f"{float(run.synaptic_events.sum()) / (float(run.lengths.sum()) * run.dt):,.0f}"


def _median_delay(run: Recording) -> str:
    return _median(round_delay(run.graph.edge_delay)[alive(run.graph)] * run.dt, ".0f")


def _median_gain(run: Recording) -> str:
    return _median(run.graph.gain, ".2f") if "gain" in run.graph else NOTHING


def _median(values: Tensor, style: str) -> str:
    return f"{float(values.double().median()):{style}}" if values.numel() else NOTHING
