import math

import pytest
import torch

from pyngn_graph import tasks
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.tasks import (
    mackey_glass,
    narma10,
    nrmse,
    spike_templates,
    uniform_input,
)
from tests.helpers import delay_line


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- NARMA-10


def test_narma_by_hand() -> None:
    u, y = narma10(40, generator=seeded(2))
    assert u.shape == (40, 1)
    assert y.shape == (40,)
    assert 0.0 <= float(u.min()) <= float(u.max()) < 0.5
    x = [float(v) for v in u]
    assert math.isclose(float(y[0]), 0.1, rel_tol=1e-6)  # nothing before the start
    assert math.isclose(float(y[1]), 0.3 * 0.1 + 0.05 * 0.1 * 0.1 + 0.1, rel_tol=1e-6)
    for t in range(10, 40):
        now, ten = float(y[t - 1]), float(y[t - 10 : t].sum())
        expected = 0.3 * now + 0.05 * now * ten + 1.5 * x[t - 9] * x[t] + 0.1
        assert math.isclose(float(y[t]), expected, rel_tol=1e-5)


def test_narma_draws_anew_what_explodes(monkeypatch: pytest.MonkeyPatch) -> None:
    u, y = narma10(4000, generator=seeded(6))
    assert not torch.equal(u, uniform_input(4000, 0.0, 0.5, generator=seeded(6)))
    assert float(y.max()) < 2.0
    monkeypatch.setattr(tasks, "uniform_input", lambda n, *_, **__: torch.ones(n, 1))
    with pytest.raises(ValueError, match="exploded for 20 inputs of num_steps = 100"):
        narma10(100, generator=seeded())


def test_narma_is_seeded_bounded_and_not_linear() -> None:
    a, b = (narma10(2000, generator=seeded(1)) for _ in range(2))
    assert torch.equal(a.y, b.y)
    assert float(a.y.max()) < 1.0
    past = torch.cat([a.u, delay_line(a.u, 29)], dim=1)
    readout = RidgeReadout().fit(past[100:1500], a.y[100:1500])
    linear = nrmse(readout.predict(past[1500:]), a.y[1500:])
    assert 0.3 < linear < 0.5  # what thirty taps of the input give
    product = torch.cat([past, past[:, :21] * past[:, 9:]], dim=1)
    readout = RidgeReadout().fit(product[100:1500], a.y[100:1500])
    assert nrmse(readout.predict(product[1500:]), a.y[1500:]) < 0.5 * linear


# --- Mackey-Glass


def test_mackey_glass_rests_at_its_fixed_point() -> None:
    # 0.2 x / (1 + x^10) = 0.1 x at x = 1.
    assert torch.equal(mackey_glass(50, start=1.0, washout=0), torch.ones(50).double())
    # A short delay makes the fixed point stable: every start ends there.
    torch.testing.assert_close(
        mackey_glass(10, tau=2.0, start=0.4, washout=500), torch.ones(10).double()
    )


def test_mackey_glass_first_delay_by_hand() -> None:
    # While the delayed value is the constant start, the equation is linear: exact solution.
    x = mackey_glass(18, start=1.2, washout=0)
    t = torch.arange(18.0).double()
    limit = 2.0 * 1.2 / (1.0 + 1.2**10)
    torch.testing.assert_close(x, limit + (1.2 - limit) * torch.exp(-0.1 * t), rtol=1e-8, atol=0)


def test_mackey_glass_converges_with_the_square_of_the_step() -> None:
    exact = mackey_glass(60, substeps=64, washout=0)
    error = [float((mackey_glass(60, substeps=n, washout=0) - exact).abs().max()) for n in (2, 4)]
    assert 3.0 < error[0] / error[1] < 5.0


def test_mackey_glass_samples_washout_and_seed() -> None:
    fine = mackey_glass(101, step=0.5, substeps=5, washout=0)
    coarse = mackey_glass(51, step=1.0, substeps=10, washout=0)
    torch.testing.assert_close(fine[::2], coarse)
    torch.testing.assert_close(mackey_glass(20, washout=31), coarse[31:])
    a, b, c = (mackey_glass(50, generator=seeded(s)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    chaotic = mackey_glass(3000)
    assert 0.2 < float(chaotic.min()) < float(chaotic.max()) < 1.4
    assert float(chaotic.std()) > 0.2


def test_mackey_glass_errors() -> None:
    for tau in (0.0, -1.0, 17.05, math.nan):
        with pytest.raises(ValueError, match="'tau' must be a positive multiple"):
            mackey_glass(10, tau)
    for name, value in (("num_steps", 0), ("substeps", 0), ("washout", -1), ("step", 0.0)):
        with pytest.raises(ValueError, match=f"'{name}'"):
            mackey_glass(**{"num_steps": 10, name: value})
    for start in (-1.0, 1e31, math.nan):
        with pytest.raises(ValueError, match="'start'"):
            mackey_glass(10, start=start)
    with pytest.raises(ValueError, match="'step / substeps' must be at most 10"):
        mackey_glass(10, 1e5, step=1e5)


# --- spike templates


def test_templates_without_jitter_are_the_trials() -> None:
    task = spike_templates(30, 5, jitter=0.0, generator=seeded())
    assert task.x.shape == (30, 300, 5)
    assert task.y.shape == (30, 3)
    assert task.templates.shape == (3, 2, 100, 5)
    for trial in range(30):
        parts = [task.templates[s, k] for s, k in enumerate(task.y[trial])]
        assert torch.equal(task.x[trial], torch.cat(parts))
    assert set(task.y.flatten().tolist()) == {0, 1}


def test_jitter_moves_spikes_by_its_standard_deviation() -> None:
    task = spike_templates(
        4000, 1, num_segments=1, num_templates=1, segment=400.0, rate=2.0, generator=seeded(5)
    )
    (when,) = task.templates[0, 0, :, 0].nonzero(as_tuple=True)
    assert when.numel() == 1
    assert 40 < int(when) < 360
    moved = task.x[:, :, 0].argmax(dim=1) - int(when)
    assert torch.equal(task.x.sum(dim=(1, 2)), torch.ones(4000))
    assert abs(float(moved.float().mean())) < 0.3
    assert abs(float(moved.float().std()) - 4.0) < 0.3
    fine = spike_templates(2, 1, dt=0.5, generator=seeded())
    assert fine.x.shape == (2, 600, 1)


def test_templates_rate_and_seed() -> None:
    a, b, c = (spike_templates(50, 20, generator=seeded(s)) for s in (0, 0, 1))
    assert torch.equal(a.x, b.x)
    assert torch.equal(a.y, b.y)
    assert not torch.equal(a.templates, c.templates)
    assert abs(float(a.templates.mean()) - 0.02) < 0.003
    assert set(a.x.unique().tolist()) == {0.0, 1.0}
    wild = spike_templates(50, 20, jitter=500.0, generator=seeded())
    assert float(wild.x.sum()) < 0.9 * float(a.x.sum())  # those that leave the trial are lost


def test_templates_can_be_told_from_the_spikes() -> None:
    task = spike_templates(400, generator=seeded())
    smooth = task.x.unfold(1, 10, 10).sum(dim=3).flatten(1)
    for segment in range(3):
        readout = RidgeReadout().fit(smooth[:300], task.y[:300, segment])
        assert readout.score(smooth[300:], task.y[300:, segment]) > 0.95


def test_templates_errors() -> None:
    for name in ("num_trials", "num_channels", "num_segments", "num_templates"):
        with pytest.raises(ValueError, match=f"'{name}' must be a whole number >= 1"):
            spike_templates(**{"num_trials": 2, "generator": seeded(), name: 0})
    with pytest.raises(ValueError, match="'jitter'"):
        spike_templates(2, jitter=-1.0, generator=seeded())
    with pytest.raises(ValueError, match="'rate' must lie between 0 and 1000 Hz"):
        spike_templates(2, rate=2000.0, generator=seeded())


# --- small things


def test_uniform_input() -> None:
    u = uniform_input(10_000, -2.0, 4.0, generator=seeded())
    assert u.shape == (10_000, 1)
    assert -2.0 <= float(u.min()) < -1.9 < 3.9 < float(u.max()) < 4.0
    assert abs(float(u.mean()) - 1.0) < 0.1
    with pytest.raises(ValueError, match="'low' must be below 'high'"):
        uniform_input(5, 1.0, 1.0, generator=seeded())
    with pytest.raises(ValueError, match="'num_steps'"):
        uniform_input(0, generator=seeded())


def test_nrmse() -> None:
    y = torch.randn(500, 2, generator=seeded()) * torch.tensor([1.0, 100.0])
    assert nrmse(y, y) == 0.0
    assert math.isclose(nrmse(y.mean(dim=0).expand_as(y), y), 1.0, rel_tol=1e-6)
    noise = 0.5 * torch.randn(500, 2, generator=seeded(1))
    a, b = nrmse(y + noise, y), nrmse(3.0 * (y + noise) + 5.0, 3.0 * y + 5.0)
    assert math.isclose(a, b, rel_tol=1e-4)  # neither unit nor offset matters
    half = torch.tensor([0.0, 2.0])
    assert math.isclose(nrmse(half + 0.5, half), 0.5)
    with pytest.raises(ValueError, match="same shape"):
        nrmse(y[:, 0], y)
    with pytest.raises(ValueError, match="'target' must vary"):
        nrmse(torch.ones(5), torch.ones(5))
    with pytest.raises(ValueError, match="'prediction' must be finite"):
        nrmse(torch.tensor([1.0, math.nan]), half)


def test_times_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"'dt' and 'segment' must be positive"):
        tasks.spike_templates(2, dt=0.0, generator=torch.Generator())
