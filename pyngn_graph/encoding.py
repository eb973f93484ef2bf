"""Encoding: from intensities, signals and sound to spikes or to channels of a current.

All outputs have time before channels, ``[T, C]`` or ``[B, T, C]``, as a reservoir takes them.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from pyngn_graph.arrays import Numbers, as_finite
from pyngn_graph.checks import check_count

LONGEST_WINDOW = 2**24
"""Longest window of a spectrum, samples."""

LOUDEST = 1e15
"""Largest sound, so that float32 holds its energy."""


def poisson(
    rate: Numbers, num_steps: int, dt: float = 1.0, *, generator: torch.Generator
) -> Tensor:
    r"""Independent spikes with probability :math:`p = r \, \Delta t` per step (Bernoulli process).

    Args:
        rate: Rates ``[C]`` or ``[B, C]`` in Hz.
        num_steps: Number of steps T.
        dt: Step in ms.
        generator: Source of randomness; equal seeds give equal spikes.

    Returns:
        Spikes ``[T, C]`` or ``[B, T, C]`` float32, 0 or 1.

    Raises:
        TypeError, ValueError: If a rate is negative, not finite or above one spike per step.
    """
    rate = _series("rate", rate, dims=(1, 2), names="[C] or [B, C]")
    check_count("num_steps", num_steps)
    _check_positive("dt", dt, "ms")
    probability = rate.double() * (dt / 1000.0)
    if bool(((probability < 0.0) | (probability > 1.0)).any()):
        raise ValueError(
            f"'rate' must lie between 0 and {1000.0 / dt:g} Hz, one spike per step of {dt:g} ms "
            f"(got {float(rate.min()):g} to {float(rate.max()):g}); scale it, or shorten 'dt'"
        )
    probability = probability.float().unsqueeze(-2)
    shape = (*rate.shape[:-1], num_steps, rate.size(-1))
    draw = torch.rand(shape, generator=generator, dtype=torch.float32, device=generator.device)
    draw = draw.to(rate.device)
    return (draw < probability).float()


def latency(intensity: Numbers, num_steps: int, *, threshold: float = 0.0) -> Tensor:
    r"""One spike per channel, the stronger the earlier.

    Channel c fires once, at step :math:`\lfloor (1 - x_c)(T - 1) + 1/2 \rfloor`, and not at all
    where :math:`x_c` is not above ``threshold``.

    Args:
        intensity: Intensities x ``[C]`` or ``[B, C]`` in [0, 1].
        num_steps: Number of steps T.
        threshold: Channels must exceed this to fire.

    Returns:
        Spikes ``[T, C]`` or ``[B, T, C]`` float32, 0 or 1.

    Raises:
        TypeError, ValueError: If an intensity is not finite or lies outside [0, 1].

    Source: Thorpe, Delorme & Van Rullen (2001), "Spike-based strategies for rapid processing".
    """
    intensity = _series("intensity", intensity, dims=(1, 2), names="[C] or [B, C]")
    check_count("num_steps", num_steps)
    if bool(((intensity < 0) | (intensity > 1)).any()):
        raise ValueError(
            f"'intensity' must lie in [0, 1] (got {float(intensity.min()):g} to "
            f"{float(intensity.max()):g}); divide it by its maximum"
        )
    if not -math.inf < threshold < math.inf:
        raise ValueError(f"'threshold' must be finite (got {threshold})")
    step = torch.floor((1.0 - intensity.double()) * (num_steps - 1) + 0.5).long()
    shape = (*intensity.shape[:-1], num_steps, intensity.size(-1))
    spikes = torch.zeros(shape, dtype=torch.float32, device=step.device)
    return spikes.scatter(
        -2, step.unsqueeze(-2), (intensity > float(threshold)).float().unsqueeze(-2)
    )


def level_crossing(signal: Numbers, threshold: float | Tensor) -> Tensor:
    r"""Events where a signal has moved by a threshold (delta modulation, as in event cameras).

    Each channel keeps a level, at first its first sample. Whenever the signal is away from it by
    :math:`\theta` or more, the level follows in steps of :math:`\theta`, and each step up (down) is
    one ON (OFF) event. Hence at all times

    .. math::
        \Big| x(t) - x(0) - \theta \sum_{t' \le t} (\mathrm{ON} - \mathrm{OFF})(t') \Big| < \theta

    Args:
        signal: x ``[T, C]`` or ``[B, T, C]``.
        threshold: :math:`\theta` in units of the signal, a number or ``[C]``.

    Returns:
        Numbers of events ``[T, 2 C]`` or ``[B, T, 2 C]`` float32: the ON channels, then the OFF
        channels. At most 1 per step if the signal never moves by ``threshold`` in one step.

    Raises:
        TypeError, ValueError: If the signal is not finite, or the threshold not positive or so low
            that numbers of events are no longer exact in float32.

    Source: Lichtsteiner, Posch & Delbruck (2008), "A 128x128 120 dB 15 us latency asynchronous
    temporal contrast vision sensor".
    """
    signal = _series("signal", signal, dims=(2, 3), names="[T, C] or [B, T, C]")
    theta = torch.as_tensor(threshold, dtype=torch.float64, device=signal.device)
    if theta.dim() > 1 or (theta.dim() == 1 and theta.numel() != signal.size(-1)):
        raise ValueError(
            f"'threshold' must be a number or have shape [{signal.size(-1)}], one per channel "
            f"(got {list(theta.shape)})"
        )
    if not bool(((theta > 0) & torch.isfinite(theta)).all()):
        raise ValueError(f"'threshold' must be positive and finite (got {threshold})")
    moved = (signal.double() - signal.double().narrow(-2, 0, 1)) / theta
    if bool((moved.abs() > 2.0**24).any()):
        raise ValueError(
            f"'threshold' must be more than 2**-24 of what the signal moves by (got {threshold} "
            f"for moves of up to {float((moved * theta).abs().max()):g}); raise it"
        )
    level = torch.zeros_like(moved.select(-2, 0))
    steps = []
    for now in moved.unbind(dim=-2):
        step = torch.trunc(now - level)
        level = level + step  # a whole number: no rounding adds up
        steps.append(step)
    change = torch.stack(steps, dim=-2)
    return torch.cat([change.clamp(min=0.0), (-change).clamp(min=0.0)], dim=-1).float()


def filter_bank(
    waveform: Numbers,
    sample_rate: float,
    num_channels: int = 20,
    *,
    frame: float = 10.0,
    window: float = 25.0,
    min_frequency: float = 0.0,
    max_frequency: float | None = None,
    floor: float = 1e-10,
) -> Tensor:
    r"""Log energies of sound in bands that are equally wide on the mel scale.

    Frame t is the spectrum of a Hann window around :math:`(t + 1/2)` frames (silence is added at
    both ends), summed over triangular filters whose corners lie at equal distances in

    .. math::
        m(f) = 2595 \log_{10}(1 + f / 700), \qquad
        x_c(t) = \ln \Big( \epsilon + \sum_f h_c(f) \, \lvert X_t(f) \rvert^2 \Big)

    The spectrum is scaled so that a sine of amplitude 1 has a peak of 1.

    Args:
        waveform: Sound ``[L]`` or ``[B, L]``, any unit; full scale is usually 1.
        sample_rate: Samples per second, Hz.
        num_channels: Number of filters C.
        frame: Distance between frames, ms.
        window: Length of the window, ms, at least ``frame``.
        min_frequency: Lower end of the lowest filter, Hz.
        max_frequency: Upper end of the highest filter, Hz; by default half of ``sample_rate``.
        floor: :math:`\epsilon`, an energy below which differences do not count.

    Returns:
        ``[T, C]`` or ``[B, T, C]`` float32 with one frame per whole ``frame`` of sound, T >= 1.

    Raises:
        TypeError, ValueError: If the sound is not finite or a parameter breaks its rule, among
            them: every filter must see at least one frequency of the spectrum.

    Source: Davis & Mermelstein (1980), "Comparison of parametric representations for monosyllabic
    word recognition in continuously spoken sentences".
    """
    waveform = _series("waveform", waveform, dims=(1, 2), names="[L] or [B, L]")
    for name, value, unit in (
        ("sample_rate", sample_rate, "Hz"),
        ("frame", frame, "ms"),
        ("floor", floor, "the unit of the waveform squared"),
    ):
        _check_positive(name, value, unit)
    frame, window, sample_rate = float(frame), float(window), float(sample_rate)
    if not all(abs(width * sample_rate) / 1000.0 <= LONGEST_WINDOW for width in (frame, window)):
        raise ValueError(
            f"'frame' and 'window' must be at most {LONGEST_WINDOW:,} samples (got {frame} and "
            f"{window} ms at {sample_rate} Hz)"
        )
    if not floor <= LOUDEST or bool((waveform.double().abs() > LOUDEST).any()):
        raise ValueError(
            f"'waveform' and 'floor' must be at most {LOUDEST:g} in size (got up to "
            f"{float(waveform.double().abs().max()):g} and {floor}); rescale them"
        )
    hop, width = round(frame * sample_rate / 1000.0), round(window * sample_rate / 1000.0)
    if hop < 1 or width < hop:
        raise ValueError(
            f"'frame' must be at least one sample and 'window' at least 'frame' (got {frame} and "
            f"{window} ms, that is {hop} and {width} samples)"
        )
    num_frames = max(1, waveform.size(-1) // hop)
    before = (width - hop) // 2
    after = max(0, (num_frames - 1) * hop + width - before - waveform.size(-1))
    sound = pad(waveform.float(), (before, after)).unfold(-1, width, hop)[..., :num_frames, :]
    taper = torch.hann_window(width, dtype=torch.float32, device=waveform.device)
    size = 2 ** math.ceil(math.log2(width))
    spectrum = torch.fft.rfft(sound * (2.0 * taper / taper.sum()), n=size)
    filters = _mel_filters(
        num_channels, size, sample_rate, min_frequency, max_frequency or sample_rate / 2.0
    )
    return torch.log(spectrum.abs().square() @ filters.to(spectrum.device) + floor)


def _mel_filters(
    num_channels: int, size: int, sample_rate: float, min_frequency: float, max_frequency: float
) -> Tensor:
    """Triangular filters ``[size // 2 + 1, C]`` float32 with a peak of 1."""
    if not 0.0 <= min_frequency < max_frequency <= sample_rate / 2.0:
        raise ValueError(
            f"'min_frequency' and 'max_frequency' must rise within [0, {sample_rate / 2.0:g}] Hz, "
            f"half of 'sample_rate' (got {min_frequency:g} and {max_frequency:g})"
        )
    check_count("num_channels", num_channels)
    if num_channels > size:
        raise ValueError(
            f"num_channels = {num_channels} is too many for a spectrum of {size // 2 + 1} "
            f"frequencies; take fewer, or a longer 'window'"
        )
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (min_frequency, max_frequency))
    mel = torch.linspace(low, high, num_channels + 2, dtype=torch.float64)
    corner = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    frequency = torch.arange(size // 2 + 1, dtype=torch.float64).unsqueeze(1) * sample_rate / size
    rise = (frequency - corner[:-2]) / (corner[1:-1] - corner[:-2])
    fall = (corner[2:] - frequency) / (corner[2:] - corner[1:-1])
    filters = torch.minimum(rise, fall).clamp(min=0.0)
    empty = (~(filters.sum(dim=0) > 0)).nonzero().flatten().tolist()
    if empty:
        raise ValueError(
            f"num_channels = {num_channels} is too many: channels {empty} lie between two "
            f"frequencies of the spectrum, {sample_rate / size:g} Hz apart; "
            f"take fewer, or a longer 'window'"
        )
    return filters.float()


def _series(name: str, value: Numbers, dims: tuple[int, ...], names: str) -> Tensor:
    value = as_finite(name, value)
    if value.dim() not in dims or 0 in value.shape:
        raise ValueError(f"'{name}' must have shape {names}, none empty (got {list(value.shape)})")
    return value


def _check_positive(name: str, value: float, unit: str) -> None:
    if not 0.0 < value < math.inf:
        raise ValueError(f"'{name}' must be positive and finite, in {unit} (got {value})")
