"""Synthetic tasks, each from a seed: inputs ``[T, 1]`` or ``[B, T, C]``, targets, and measures."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite
from pyngn_graph.checks import check_count
from pyngn_graph.encoding import poisson

LARGEST_UNIFORM = 1e37
"""Largest bound of a uniform input, so that float32 holds its range."""

LONGEST = 10_000_000
"""Most steps of a delay or a segment, which are held in memory."""


class Series(NamedTuple):
    """An input ``u`` ``[T, 1]`` and a target ``y`` ``[T]`` that depends on it up to that row."""

    u: Tensor
    y: Tensor


class SpikeTemplates(NamedTuple):
    """Trials of spike trains.

    Attributes:
        x: Spikes ``[B, T, C]``, 0 or 1.
        y: Which template each segment was made from, ``[B, S]``.
        templates: The templates, ``[S, K, T / S, C]``.
    """

    x: Tensor
    y: Tensor
    templates: Tensor


def uniform_input(
    num_steps: int, low: float = -1.0, high: float = 1.0, *, generator: torch.Generator
) -> Tensor:
    """A stream of independent values, uniform in [low, high), ``[T, 1]`` float32."""
    check_count("num_steps", num_steps)
    if not -LARGEST_UNIFORM <= low < high <= LARGEST_UNIFORM:
        raise ValueError(
            f"'low' must be below 'high', both within {LARGEST_UNIFORM:g} (got {low} and {high})"
        )
    low, high = float(low), float(high)
    return low + (high - low) * torch.rand(num_steps, 1, generator=generator, dtype=torch.float32)


def narma10(num_steps: int, *, generator: torch.Generator) -> Series:
    r"""The tenth-order nonlinear autoregressive moving average.

    .. math::
        y(t+1) = 0.3\, y(t) + 0.05\, y(t) \sum_{i=0}^{9} y(t-i) + 1.5\, u(t-9)\, u(t) + 0.1

    with u uniform in [0, 0.5) and zeros before the start. ``Series.y[t]`` is :math:`y(t+1)`, what a
    readout should say once it has seen :math:`u(t)`. For rare inputs (about 1 of 100 with 4000
    steps) the recursion explodes; such an input is drawn anew.

    Raises:
        ValueError: If ``num_steps`` is not positive, or so large that 20 inputs in a row explode.

    Source: Atiya & Parlos (2000), "New results on recurrent network training".
    """
    for _ in range(20):
        u = uniform_input(num_steps, 0.0, 0.5, generator=generator)
        past = [0.0] * 9 + u.flatten().tolist()  # u(t) is past[t + 9]
        y = [0.0] * 10  # y(t) is y[t + 9]
        for t in range(num_steps):
            now = 0.3 * y[-1] + 0.05 * y[-1] * sum(y[-10:]) + 1.5 * past[t] * past[t + 9] + 0.1
            y.append(now)
            if now > 10.0:
                break
        else:
            return Series(u, torch.tensor(y[10:], dtype=torch.float32))
    raise ValueError(
        f"NARMA-10 exploded for 20 inputs of num_steps = {num_steps}; take several shorter ones"
    )


def mackey_glass(
    num_steps: int,
    tau: float = 17.0,
    *,
    step: float = 1.0,
    substeps: int = 10,
    start: float = 1.2,
    washout: int = 1000,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""The Mackey-Glass equation, chaotic from :math:`\tau \approx 16.8`.

    .. math::
        \frac{dx}{dt} = \frac{0.2\, x(t - \tau)}{1 + x(t - \tau)^{10}} - 0.1\, x(t)

    integrated by the classical Runge-Kutta method with ``substeps`` steps per sample; the delayed
    value half-way between two steps is their mean, which makes the method one of second order.

    Args:
        num_steps: Number of samples T.
        tau: Delay, a multiple of ``step / substeps``.
        step: Time between samples.
        substeps: Integration steps per sample.
        start: Constant history before the first sample.
        washout: Samples dropped at the beginning.
        generator: Draws the history from U(0.8, 1.4) instead of ``start``.

    Returns:
        Samples ``[T]`` float64. For a reservoir center them and give them a channel:
        ``(x - x.mean())[:-h, None].float()``, with the target ``x[h:]``.

    Raises:
        ValueError: If a parameter breaks its rule.

    Source: Mackey & Glass (1977), "Oscillation and chaos in physiological control systems".
    """
    for name, count in (("num_steps", num_steps), ("substeps", substeps)):
        check_count(name, count)
    check_count("washout", washout, least=0)
    if not 0.0 < step < math.inf:
        raise ValueError(f"'step' must be positive and finite (got {step})")
    if not 0.0 <= start <= 1e30:
        raise ValueError(f"'start' must lie between 0 and 1e30 (got {start})")
    h = step / substeps
    if tau > LONGEST * h:
        raise ValueError(
            f"'tau' must be at most {LONGEST} times step / substeps = {h:g} (got {tau})"
        )
    lag = round(tau / h) if 0.0 < tau < math.inf else 0
    if lag < 1 or not math.isclose(lag * h, tau, rel_tol=1e-9):
        raise ValueError(
            f"'tau' must be a positive multiple of step / substeps = {h:g} (got {tau}); "
            f"change 'substeps'"
        )
    if h > 10.0:
        raise ValueError(
            f"'step / substeps' must be at most 10, or the integration is not stable (got {h:g}); "
            f"raise 'substeps'"
        )
    if generator is not None:
        start = 0.8 + 0.6 * float(torch.rand(1, dtype=torch.float64, generator=generator))

    def slope(x: float, delayed: float) -> float:
        return 0.2 * delayed / (1.0 + delayed**10) - 0.1 * x

    x = [start] * (lag + 1)
    for _ in range((washout + num_steps - 1) * substeps):
        now, old, new = x[-1], x[-1 - lag], x[-lag]
        middle = (old + new) / 2.0
        k1 = slope(now, old)
        k2 = slope(now + h / 2.0 * k1, middle)
        k3 = slope(now + h / 2.0 * k2, middle)
        k4 = slope(now + h * k3, new)
        x.append(now + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4))
    samples = x[lag::substeps]
    return torch.tensor(samples[washout:], dtype=torch.float64)


def spike_templates(
    num_trials: int,
    num_channels: int = 10,
    *,
    num_segments: int = 3,
    num_templates: int = 2,
    segment: float = 100.0,
    rate: float = 20.0,
    jitter: float = 4.0,
    dt: float = 1.0,
    generator: torch.Generator,
) -> SpikeTemplates:
    r"""Spike trains stitched together from templates, whose names a readout should tell.

    For each segment there are ``num_templates`` Poisson spike trains. A trial takes one of them per
    segment, at random, and moves every spike by a normal deviate of standard deviation ``jitter``,
    also across the border of its segment; spikes that leave the trial are lost, those that meet in
    one step merge. Telling early segments at the end of a trial takes memory.

    Args:
        num_trials: Number of trials B.
        num_channels: Number of spike trains C.
        num_segments: Segments per trial.
        num_templates: Templates per segment.
        segment: Length of a segment, ms.
        rate: Rate of the templates, Hz.
        jitter: Standard deviation of spike times, ms.
        dt: Step, ms.
        generator: Source of randomness.

    Raises:
        ValueError: If a parameter breaks its rule.

    Source: Maass, Natschlaeger & Markram (2002), "Real-time computing without stable states".
    """
    for name, count in (
        ("num_trials", num_trials),
        ("num_channels", num_channels),
        ("num_segments", num_segments),
        ("num_templates", num_templates),
    ):
        check_count(name, count)
    if not 0.0 <= jitter < math.inf:
        raise ValueError(f"'jitter' must be a time in ms, not negative (got {jitter})")
    if not 0.0 < dt < math.inf or not 0.0 < segment < math.inf:
        raise ValueError(f"'dt' and 'segment' must be positive, in ms (got {dt} and {segment})")
    if not segment / dt <= LONGEST:
        raise ValueError(
            f"'segment' must be at most {LONGEST} steps of 'dt' (got {segment} and {dt})"
        )
    length = round(segment / dt)
    check_count("segment / dt", length)
    if not 0.0 <= rate <= 1000.0 / dt:
        raise ValueError(
            f"'rate' must lie between 0 and {1000.0 / dt:g} Hz, one spike per step (got {rate:g})"
        )
    kinds = num_segments * num_templates
    rates = torch.full((kinds, num_channels), rate, dtype=torch.float32)
    templates = poisson(rates, length, dt, generator=generator)
    templates = templates.reshape(num_segments, num_templates, length, num_channels)
    y = torch.randint(num_templates, (num_trials, num_segments), generator=generator)
    chosen = templates[torch.arange(num_segments), y]  # [B, S, T / S, C]
    trial, part, step, channel = chosen.nonzero().unbind(dim=1)
    moved = jitter / dt * torch.randn(trial.numel(), generator=generator, dtype=torch.float32)
    step = part * length + step + torch.floor(moved + 0.5).long()
    num_steps = num_segments * length
    inside = (step >= 0) & (step < num_steps)
    x = torch.zeros(num_trials, num_steps, num_channels, dtype=torch.float32)
    x[trial[inside], step[inside], channel[inside]] = 1.0
    return SpikeTemplates(x, y, templates)


def nrmse(prediction: Tensor, target: Tensor) -> float:
    r"""Root mean square error in units of the target's standard deviation.

    .. math::
        \sqrt{\langle (\hat y - y)^2 \rangle / \mathrm{var}(y)}

    0 is perfect, 1 is as good as the mean. Both tensors have the same shape ``[T]`` or ``[T, K]``;
    several targets are averaged under the root, each by its own variance.

    Raises:
        ValueError: If shapes differ, values are not finite, or a target does not vary.
    """
    drop = "drop the rows that are not"
    prediction = as_finite("prediction", prediction, drop)
    target = as_finite("target", target, drop)
    if prediction.shape != target.shape or target.numel() < 2:
        raise ValueError(
            f"'prediction' and 'target' must have the same shape, of two values or more (got "
            f"{list(prediction.shape)} and {list(target.shape)})"
        )
    prediction, target = prediction.double(), target.double()
    variance = target.var(dim=0, correction=0)
    if bool((variance == 0).any()):
        raise ValueError("'target' must vary, or the error has no unit; use a longer stretch")
    return float(((prediction - target).square().mean(dim=0) / variance).mean().sqrt())
