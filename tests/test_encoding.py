import math

import pytest
import torch
from torch import Tensor

from pyngn_graph.encoding import filter_bank, latency, level_crossing, poisson


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- Poisson


def test_poisson_counts_are_binomial() -> None:
    rate = torch.tensor([0.0, 20.0, 100.0, 500.0])
    for dt in (1.0, 0.5):
        spikes = poisson(rate, 20_000, dt, generator=seeded())
        assert spikes.shape == (20_000, 4)
        p = rate * dt / 1000.0
        error = (p * (1 - p) / 20_000).sqrt()
        assert bool(((spikes.mean(dim=0) - p).abs() <= 4.0 * error).all())
        # Steps are independent: neighbors do not correlate.
        both = (spikes[1:] * spikes[:-1]).mean(dim=0)
        assert bool(((both - p * p).abs() <= 4.0 * (p * p / 20_000).sqrt()).all())


def test_poisson_is_seeded_and_bounded() -> None:
    rate = torch.tensor([[0.0, 1000.0, 40.0], [5.0, 0.0, 40.0]])
    state = torch.random.get_rng_state()
    a, b = (poisson(rate, 50, generator=seeded(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert torch.equal(state, torch.random.get_rng_state())
    assert a.shape == (2, 50, 3)
    assert a[0, :, 0].sum() == 0.0
    assert a[0, :, 1].sum() == 50.0  # one spike per step is the limit, and certain
    assert not torch.equal(a[0, :, 2], a[1, :, 2])


def test_poisson_errors() -> None:
    for rate in (torch.tensor([-1.0]), torch.tensor([1000.1])):
        with pytest.raises(ValueError, match=r"between 0 and 1000 Hz.*shorten 'dt'"):
            poisson(rate, 5, generator=seeded())
    with pytest.raises(ValueError, match=r"'rate' must be finite: 1 of 2.*rate\[1\] = nan"):
        poisson(torch.tensor([1.0, math.nan]), 5, generator=seeded())
    with pytest.raises(TypeError, match="got <U1"):
        poisson(["a"], 5, generator=seeded())
    with pytest.raises(ValueError, match=r"shape \[C\] or \[B, C\]"):
        poisson(torch.ones(2, 2, 2), 5, generator=seeded())
    for steps in (0, 2.5):
        with pytest.raises(ValueError, match="'num_steps'"):
            poisson(torch.ones(2), steps, generator=seeded())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'dt' must be positive"):
        poisson(torch.ones(2), 5, 0.0, generator=seeded())


# --- latency


def test_latency_by_hand() -> None:
    spikes = latency(torch.tensor([1.0, 0.75, 0.5, 0.0]), 5)
    assert spikes.nonzero().tolist() == [[0, 0], [1, 1], [2, 2]]


def test_latency_keeps_the_order_and_fires_once() -> None:
    x = torch.rand(3, 40, generator=seeded())
    spikes = latency(x, 100)
    assert spikes.shape == (3, 100, 40)
    assert torch.equal(spikes.sum(dim=1), torch.ones(3, 40))
    when = spikes.argmax(dim=1)
    order = x.argsort(dim=1, descending=True)
    assert bool((when.gather(1, order).diff(dim=1) >= 0).all())
    assert torch.equal(latency(x, 100, threshold=0.5).sum(dim=1), (x > 0.5).float())
    assert torch.equal(latency(x[0], 100), spikes[0])
    assert latency(torch.ones(2, dtype=torch.long), 1).tolist() == [[1.0, 1.0]]


def test_latency_errors() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\] .got 0 to 16.*divide"):
        latency(torch.tensor([0.0, 16.0]), 5)
    with pytest.raises(ValueError, match="finite"):
        latency(torch.tensor([math.inf]), 5)


# --- level crossing


def walk(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed)).cumsum(dim=-2)


def test_level_crossing_by_hand() -> None:
    signal = torch.tensor([[5.0], [5.9], [6.0], [8.5], [7.0], [4.9]])
    assert level_crossing(signal, 1.0).tolist() == [
        *([0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 2.0])
    ]


@pytest.mark.parametrize("threshold", [0.3, 1.0, 7.0])
def test_level_crossing_follows_the_signal_within_one_threshold(threshold: float) -> None:
    signal = walk(0, 4, 300, 3)
    on, off = level_crossing(signal, threshold).chunk(2, dim=-1)
    assert float((on * off).max()) == 0.0
    level = signal[:, :1] + threshold * (on - off).cumsum(dim=1)
    assert float((signal - level).abs().max()) < threshold + 1e-5


def test_level_crossing_symmetries() -> None:
    signal = walk(1, 2, 100, 3)
    events = level_crossing(signal, 0.7)
    on, off = events.chunk(2, dim=-1)
    assert torch.equal(level_crossing(-signal, 0.7), torch.cat([off, on], dim=-1))
    assert torch.equal(level_crossing(4.0 * signal, 2.8), events)  # units do not matter
    assert torch.equal(level_crossing(signal[1], 0.7), events[1])
    each = level_crossing(signal, torch.tensor([0.7, 1.4, 0.7]))
    assert torch.equal(each[..., [0, 2, 3, 5]], events[..., [0, 2, 3, 5]])
    assert float(level_crossing(torch.full((50, 2), 3.0), 0.1).sum()) == 0.0


def test_level_crossing_errors() -> None:
    signal = walk(2, 10, 2)
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="'threshold' must be positive"):
            level_crossing(signal, bad)
    with pytest.raises(ValueError, match=r"must be more than 2\*\*-24 of what the signal moves"):
        level_crossing(signal, 1e-300)
    with pytest.raises(ValueError, match=r"shape \[2\], one per channel .got \[3\]"):
        level_crossing(signal, torch.ones(3))
    with pytest.raises(ValueError, match=r"\[T, C\] or \[B, T, C\]"):
        level_crossing(signal[:, 0], 1.0)


# --- filter bank


def tone(frequency: float, num_samples: int = 8000, rate: float = 8000.0) -> Tensor:
    return torch.sin(2.0 * math.pi * frequency * torch.arange(num_samples) / rate)


def mel(frequency: float) -> float:
    return 2595.0 * math.log10(1.0 + frequency / 700.0)


@pytest.mark.parametrize("frequency", [200.0, 440.0, 1000.0, 2500.0])
def test_a_tone_lights_the_channel_at_its_place_on_the_mel_scale(frequency: float) -> None:
    bands = filter_bank(tone(frequency), 8000.0, 20)
    nearest = round(mel(frequency) / (mel(4000.0) / 21)) - 1
    assert bool((bands[5:-5].argmax(dim=1) == nearest).all())


def test_spectrum_is_scaled_to_the_amplitude() -> None:
    # A tone in the middle of one very broad filter: Parseval gives the energy of the window.
    bands = filter_bank(0.5 * tone(1500.0), 8000.0, 1, window=32.0)
    peak = 0.25 * 1.5  # Hann: the energy of the bins is 3/2 of the squared peak
    weight = (mel(4000.0) / 2.0 - abs(mel(1500.0) - mel(4000.0) / 2.0)) / (mel(4000.0) / 2.0)
    assert math.isclose(math.exp(float(bands[50, 0])), peak * weight, rel_tol=0.2)


def test_twice_the_sound_adds_log_four() -> None:
    sound = torch.randn(4000, generator=seeded())
    a, b = (filter_bank(k * sound, 8000.0, floor=1e-30) for k in (1.0, 2.0))
    torch.testing.assert_close(b - a, torch.full_like(a, math.log(4.0)), rtol=1e-4, atol=1e-4)


def test_frames_batches_and_padding() -> None:
    sound = torch.randn(2, 1000, generator=seeded())
    bands = filter_bank(sound, 8000.0, 12)
    assert bands.shape == (2, 12, 12)  # 12 whole frames of 80 samples
    torch.testing.assert_close(filter_bank(sound[1], 8000.0, 12), bands[1])
    padded = filter_bank(torch.nn.functional.pad(sound, (0, 500)), 8000.0, 12)
    torch.testing.assert_close(padded[:, :12], bands)
    later = filter_bank(torch.nn.functional.pad(sound, (160, 0)), 8000.0, 12)  # two frames later
    torch.testing.assert_close(later[:, 3:-1], bands[:, 1:-1])
    assert filter_bank(sound[0, :10], 8000.0).shape == (1, 20)
    silence = filter_bank(torch.zeros(800), 8000.0, floor=1e-3)
    torch.testing.assert_close(silence, torch.full((10, 20), math.log(1e-3)))
    assert filter_bank((sound * 1000).short(), 8000.0).isfinite().all()


def test_filter_bank_errors() -> None:
    sound = tone(440.0, 800)
    with pytest.raises(ValueError, match=r"100 is too many: channels .* a longer 'window'"):
        filter_bank(sound, 8000.0, 100)
    with pytest.raises(ValueError, match=r"within \[0, 4000\] Hz"):
        filter_bank(sound, 8000.0, max_frequency=5000.0)
    with pytest.raises(ValueError, match="'window' at least 'frame'"):
        filter_bank(sound, 8000.0, frame=30.0)
    with pytest.raises(ValueError, match="'sample_rate' must be positive"):
        filter_bank(sound, -8000.0)
    with pytest.raises(ValueError, match="'num_channels'"):
        filter_bank(sound, 8000.0, 0)
    with pytest.raises(ValueError, match=r"'waveform' must be finite.*waveform\[3\]"):
        filter_bank(torch.tensor([0.0, 0.0, 0.0, math.nan]), 8000.0)


def test_sound_of_any_type_is_heard() -> None:
    wave = torch.arange(400) % 8 > 3
    heard = [filter_bank(wave.to(kind), 8000.0, 4) for kind in (torch.bool, torch.int8)]
    assert torch.equal(*heard)
    assert torch.equal(heard[0], filter_bank(wave.float(), 8000.0, 4))
