"""How a reservoir fires: rates, irregularity, synchrony and the cost of its spikes."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite
from pyngn_graph.checks import check_count
from pyngn_graph.recording import Recording

CUT = "cut all trials to the same length"
"""What helps where the steps behind a trial are NaN."""


class Activity(NamedTuple):
    """A recording in six numbers; NaN where one has no meaning.

    Attributes:
        rate: Mean firing rate, Hz.
        silent: Share of the neurons that never fire.
        cv: :func:`interval_cv`, mean over the neurons that have one.
        synchrony: :func:`synchrony` of the spike counts.
        fano: :func:`fano_factor` of the population count.
        synaptic_events: :func:`synaptic_event_rate`, per ms.
    """

    rate: float
    silent: float
    cv: float
    synchrony: float
    fano: float
    synaptic_events: float


def measure_activity(recording: Recording, window: int = 10) -> Activity:
    """The usual measures of a recording at once, spikes counted in windows of ``window`` steps.

    Raises:
        ValueError: If ``window`` is not positive or longer than the shortest trial.
    """
    counts, rates = spike_counts(recording, window), recording.rates()
    return Activity(
        rate=float(rates.mean()),
        silent=float((rates == 0).double().mean()),
        cv=float(interval_cv(recording).nanmean()),
        synchrony=synchrony(counts),
        fano=fano_factor(counts.sum(dim=2)),
        synaptic_events=synaptic_event_rate(recording),
    )


def interval_cv(recording: Recording) -> Tensor:
    r"""Coefficient of variation of the intervals between spikes of each neuron, ``[N]`` float64.

    .. math:: CV = s(I) / \bar I

    with the sample standard deviation s. Intervals do not reach across trials; those of all trials
    count together. 0 for a clock, 1 for a Poisson process (a little less where its rate is high for
    the step: :math:`\sqrt{1 - p}` for spikes of probability p per step). NaN for a neuron of fewer
    than two intervals; ``nanmean()`` is the mean of the population.

    Source: Softky & Koch (1993), "The highly irregular firing of cortical cells is inconsistent
    with temporal integration of random EPSPs".
    """
    node, _, length = _intervals(recording)
    count, mean = _per_node(recording, node, length)
    _, square = _per_node(recording, node, (length - mean[node]).square())
    spread = (square * count / (count - 1)).sqrt()
    return torch.where(count > 1, spread / mean, torch.nan)


def local_variation(recording: Recording) -> Tensor:
    r"""Irregularity of neighboring intervals of each neuron, ``[N]`` float64.

    .. math:: L_V = \frac{3}{n - 1} \sum_k \Big( \frac{I_k - I_{k+1}}{I_k + I_{k+1}} \Big)^2

    0 for a clock and 1 for a Poisson process, as the CV, but slow changes of the rate do not count.
    NaN for a neuron without two neighboring intervals in one trial.

    Source: Shinomoto, Shima & Tanji (2003), "Differences in spiking patterns among cortical
    neurons".
    """
    node, train, length = _intervals(recording)
    same = train[1:] == train[:-1]
    change = 3.0 * ((length[1:] - length[:-1]) / (length[1:] + length[:-1])).square()
    count, mean = _per_node(recording, node[1:][same], change[same])
    return torch.where(count > 0, mean, torch.nan)


def spike_counts(recording: Recording, window: int = 10) -> Tensor:
    """Spikes of each neuron in windows of ``window`` steps, ``[B, K, N]`` int64.

    K is the number of whole windows in the shortest trial; what stands behind them is left out.

    Raises:
        ValueError: If ``window`` is not positive or longer than the shortest trial.
    """
    shape, row, node = _windows(recording, window)
    size, num_nodes = shape[0] * shape[1], recording.graph.num_nodes
    count = torch.bincount(row * num_nodes + node, minlength=size * num_nodes)
    return count.reshape(*shape, num_nodes)


def population_count(recording: Recording, window: int = 10) -> Tensor:
    """Spikes of all neurons in windows of ``window`` steps, ``[B, K]`` int64.

    The sum of :func:`spike_counts` over the neurons, without a value for each of them.

    Raises:
        ValueError: If ``window`` is not positive or longer than the shortest trial.
    """
    shape, row, _ = _windows(recording, window)
    return torch.bincount(row, minlength=shape[0] * shape[1]).reshape(shape)


def synchrony(signal: Tensor) -> float:
    r"""How much the population moves together, from 0 to 1.

    .. math:: \chi = \sqrt{ \mathrm{Var}_t \Big( \frac{1}{N} \sum_i x_i(t) \Big) \Big/
        \frac{1}{N} \sum_i \mathrm{Var}_t (x_i(t)) }

    1 if all neurons do the same, about :math:`1 / \sqrt{N}` if they are independent. Variances are
    taken within trials and averaged over them. NaN if nothing varies.

    Args:
        signal: Potentials, ``recording.traces["v"]``, or :func:`spike_counts`; ``[T, N]`` or
            ``[B, T, N]``.

    Raises:
        ValueError: If ``signal`` has another shape or is not finite.

    Source: Golomb & Rinzel (1993), "Dynamics of globally coupled inhibitory neurons with
    heterogeneity"; Hansel & Sompolinsky (1992) for the measure.
    """
    signal = as_finite("signal", signal, CUT)
    if signal.dim() not in (2, 3) or 0 in signal.shape:
        raise ValueError(f"'signal' must be [T, N] or [B, T, N] (got {list(signal.shape)})")
    signal = signal.detach().double()
    together = signal.mean(dim=-1).var(dim=-1, correction=0).mean()
    alone = signal.var(dim=-2, correction=0).mean()
    return float((together / alone).sqrt()) if float(alone) > 0 else float("nan")


def fano_factor(counts: Tensor) -> float:
    r"""Variance of the population count over time, divided by its mean.

    1 for independent Poisson neurons of constant rate (1 - p for spikes of probability p per step),
    below for regular, above for common fluctuations: N neurons that fire together have N times the
    factor of one. Variances are taken within trials and averaged over them. NaN without a spike.

    Args:
        counts: :func:`population_count`, ``[K]`` or ``[B, K]``.

    Raises:
        ValueError: If ``counts`` has another shape or is not finite.

    Source: Fano (1947), "Ionization yield of radiations. II. The fluctuations of the number of
    ions".
    """
    counts = as_finite("counts", counts, CUT)
    if bool((counts < 0).any()):
        raise ValueError(f"'counts' must not be negative (got {counts.min().item()})")
    if counts.dim() not in (1, 2) or 0 in counts.shape:
        raise ValueError(f"'counts' must be [K] or [B, K] (got {list(counts.shape)})")
    counts = counts.detach().double()
    mean = counts.mean()
    variance = counts.var(dim=-1, correction=0).mean()
    return float(variance / mean) if float(mean) > 0 else float("nan")


def synaptic_event_rate(recording: Recording) -> float:
    """Transmissions over live edges per ms, the currency of energy on event-driven hardware.

    Each spike costs as many as its neuron has live outgoing edges: ``recording.synaptic_events``
    over the time of all trials, in ms.

    Source: Merolla et al. (2014), "A million spiking-neuron integrated circuit with a scalable
    communication network and interface", for the synaptic event as a unit of cost.
    """
    time = float(recording.lengths.sum()) * recording.dt
    return float(recording.synaptic_events.sum()) / time


def _intervals(recording: Recording) -> tuple[Tensor, Tensor, Tensor]:
    """Neuron, train (one for each neuron and trial) and length in steps of each interval, in order.

    Each ``[I]``; the lengths are float64.
    """
    trial, step, node = recording.events.unbind(dim=1)
    train = node * recording.lengths.numel() + trial
    order = torch.argsort(train, stable=True)  # events come in the order of time
    train, step, node = train[order], step[order], node[order]
    same = train[1:] == train[:-1]
    return node[1:][same], train[1:][same], step.diff()[same].double()


def _per_node(recording: Recording, node: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Number and mean of the values of each neuron, ``[N]`` each; NaN is the mean of none."""
    size = recording.graph.num_nodes
    count = torch.bincount(node, minlength=size).double()
    return count, torch.bincount(node, weights=value, minlength=size) / count


def _windows(recording: Recording, window: int) -> tuple[tuple[int, int], Tensor, Tensor]:
    """Shape ``(B, K)`` of the windows; row ``b K + k`` and neuron of each spike inside one."""
    check_count("window", window)
    shortest = int(recording.lengths.min())
    if window > shortest:
        raise ValueError(
            f"'window' must not be longer than the shortest trial, {shortest} steps (got {window})"
        )
    shape = recording.lengths.numel(), shortest // window
    trial, step, node = recording.events[recording.events[:, 1] < shape[1] * window].unbind(dim=1)
    return shape, trial * shape[1] + step // window, node
