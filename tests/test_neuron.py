import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import generator, random_drive
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import LIFLayer, LIFParameters
from pyngn_graph.neuron import LIFState, lif_step

seeds = st.integers(0, 2**31)


def run(
    params: LIFParameters, i_ext: Any, num_steps: int, dt: float = 1.0, i_syn: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Potentials and spikes ``[T, 1]`` of one neuron; ``i_syn`` ``[T]`` are jumps."""
    state = LIFState.rest(params, torch.zeros(1))
    v, spikes = [], []
    for t in range(num_steps):
        jump = torch.zeros(1) if i_syn is None else i_syn[t : t + 1]
        state = lif_step(jump, state, params, dt, i_ext=i_ext)
        v.append(state.v)
        spikes.append(state.spikes)
    return torch.stack(v), torch.stack(spikes)


# Closed forms


@given(
    tau_m=st.floats(2.0, 50.0),
    current=st.floats(-3.0, 0.99),
    r_m=st.floats(0.5, 2.0),
    rest=st.floats(-1.0, 0.0),
    dt=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_potentials_below_threshold_follow_the_exponential(
    tau_m: float, current: float, r_m: float, rest: float, dt: float
) -> None:
    params = LIFParameters(tau_m=tau_m, v_th=3.0, v_rest=rest, v_reset=rest - 1.0, r_m=r_m)
    v, spikes = run(params, current, 100, dt)
    time = dt * torch.arange(1, 101, dtype=torch.float64)
    expected = rest + r_m * current * (1 - torch.exp(-time / tau_m))
    torch.testing.assert_close(v[:, 0].double(), expected, atol=2e-5, rtol=1e-5)
    assert not spikes.any()


@given(
    tau_m=st.floats(5.0, 40.0),
    current=st.floats(1.05, 4.0),
    reset=st.floats(-0.5, 0.5),
    t_ref=st.sampled_from([0.0, 1.0, 2.0, 5.0]),
)
def test_firing_rate_under_constant_current(
    tau_m: float, current: float, reset: float, t_ref: float
) -> None:
    # u(k) = I + (u_reset - I) alpha^k reaches 1 first at k steps after the reset.
    exact = tau_m * math.log((current - reset) / (current - 1.0))
    assume(abs(exact - round(exact)) > 1e-2)
    interval = math.ceil(exact) + round(t_ref)
    params = LIFParameters(tau_m=tau_m, v_reset=reset, t_ref=t_ref)
    _, spikes = run(params, current, 400)
    when = spikes[:, 0].nonzero().squeeze(1)
    assert when.numel() > 1
    assert when.diff().unique().tolist() == [interval]


def test_traces_show_the_crossing_and_the_reset_belongs_to_the_next_step() -> None:
    v, spikes = run(LIFParameters(tau_m=10.0, v_reset=-0.5), 3.0, 12)
    at = int(spikes[:, 0].argmax())
    alpha = math.exp(-0.1)
    assert v[at] >= 1.0 > v[at - 1]
    assert float(v[at + 1]) == pytest.approx(-0.5 * alpha + (1 - alpha) * 3.0, abs=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_refractory_neurons_stay_at_reset_and_ignore_input(steps: int) -> None:
    params = LIFParameters(t_ref=0.5 * steps, v_reset=-0.25)
    jumps = torch.full((30,), 1.5)
    v, spikes = run(params, 0.0, 30, dt=0.5, i_syn=jumps)
    # A spike, then `steps` steps at the reset, then the next jump counts.
    assert spikes[:, 0].nonzero().squeeze(1).tolist() == list(range(0, 30, steps + 1))
    assert (v[spikes == 0] == -0.25).all()


def test_a_refractory_time_below_half_a_step_is_none() -> None:
    jumps = torch.full((9,), 1.5)
    _, spikes = run(LIFParameters(t_ref=0.4), 0.0, 9, i_syn=jumps)
    assert spikes.all()


@pytest.mark.parametrize("tau_syn", [2.0, 10.0, 10.0 * (1 + 1e-12), 10.0 * (1 + 1e-7), 25.0])
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_postsynaptic_potential_of_an_exponential_current(tau_syn: float, dt: float) -> None:
    params = LIFParameters(tau_m=10.0, tau_syn=tau_syn, v_th=100.0, r_m=2.0)
    num_steps = 200
    jumps = torch.zeros(num_steps)
    jumps[0] = 3.0
    v, _ = run(params, 0.0, num_steps, dt, i_syn=jumps)
    time = dt * np.arange(num_steps)  # the current acts from the step after the spike on
    if abs(tau_syn / 10.0 - 1) < 1e-6:
        expected = 6.0 * time / 10.0 * np.exp(-time / 10.0)
    else:
        scale = 6.0 * tau_syn / (tau_syn - 10.0)
        expected = scale * (np.exp(-time / tau_syn) - np.exp(-time / 10.0))
    np.testing.assert_allclose(v[:, 0].numpy(), expected, atol=1e-5)


@given(seed=seeds, dt=st.sampled_from([0.25, 0.5]))
def test_the_step_is_exact_whatever_its_length(seed: int, dt: float) -> None:
    """Jumps and constant currents give the same potentials on a finer grid of time."""
    per_step, g = round(1 / dt), generator(seed)
    jumps = torch.rand(40, generator=g) - 0.5
    fine = torch.zeros(40 * per_step)
    fine[per_step - 1 :: per_step] = jumps  # at the end of each long step
    for tau_syn in (None, 4.0):
        params = LIFParameters(v_th=1e6, tau_syn=tau_syn)
        coarse, _ = run(params, 0.7, 40, i_syn=jumps)
        other, _ = run(params, 0.7, 40 * per_step, dt, i_syn=fine)
        torch.testing.assert_close(other[per_step - 1 :: per_step], coarse, atol=1e-5, rtol=0)


def test_a_floor_bounds_the_potential() -> None:
    v, _ = run(LIFParameters(v_min=-0.3), -5.0, 20)
    assert float(v.min()) == np.float32(-0.3)
    v, _ = run(LIFParameters(), -5.0, 100)
    assert float(v.min()) < -4.0


@pytest.mark.parametrize("t_ref", [0.0, 2.0])
def test_a_spike_needs_the_threshold_and_no_more(t_ref: float) -> None:
    for jump, fires in ((1.0, 1.0), (1.0 - 2.0**-24, 0.0)):
        _, spikes = run(LIFParameters(t_ref=t_ref), 0.0, 1, i_syn=torch.tensor([jump]))
        assert spikes.tolist() == [[fires]]


# One neuron after the other, one trial after the other


def heterogeneous(seed: int, num_nodes: int) -> LIFParameters:
    g = generator(seed)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(num_nodes, generator=g, dtype=torch.float64)

    return LIFParameters(
        tau_m=draw(5, 30),
        v_th=draw(0.8, 1.2),
        v_rest=draw(-0.2, 0.1),
        v_reset=draw(-0.4, 0.2),
        r_m=draw(0.5, 2),
        t_ref=draw(0, 4),
        v_min=draw(-0.6, -0.4),
        tau_syn=draw(2, 8),
    )


@given(seed=seeds)
def test_every_neuron_and_trial_runs_as_if_alone(seed: int) -> None:
    params = heterogeneous(seed, 3)
    jumps, current = random_drive(seed, 30, 3, 2), random_drive(seed + 1, 30, 3, 2)
    state = LIFState.rest(params, torch.zeros(3, 2))
    together = []
    for t in range(30):
        state = lif_step(jumps[t], state, params, 1.0, i_ext=current[t])
        together.append(state)
    for i in range(3):
        own = LIFParameters(**{f.name: float(getattr(params, f.name)[i]) for f in fields(params)})
        for b in range(2):
            alone = LIFState.rest(own, torch.zeros(1))
            for t in range(30):
                alone = lif_step(jumps[t, i, b : b + 1], alone, own, 1.0, i_ext=current[t, i, b])
                assert float(alone.v) == float(together[t].v[i, b])
                assert float(alone.spikes) == float(together[t].spikes[i, b])


def test_steps_leave_their_input_alone() -> None:
    params, jump = LIFParameters(t_ref=2.0, tau_syn=5.0), torch.full((3,), 2.0)
    state = LIFState.rest(params, torch.zeros(3))
    state = lif_step(jump, state, params, 1.0)
    state = lif_step(jump, state, params, 1.0, i_ext=1.0)
    before = [entry.clone() for entry in state if entry is not None]
    lif_step(jump, state, params, 1.0, i_ext=torch.ones(3))
    after = [entry for entry in state if entry is not None]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


# The layer


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 4)])
def test_the_layer_keeps_the_state_of_the_step(shape: tuple[int, ...]) -> None:
    layer = LIFLayer(4, tau_m=15.0, t_ref=2.0, tau_syn=5.0, dt=0.5)
    state = LIFState.rest(layer.params, torch.zeros(shape))
    current = random_drive(5, 4)
    for t in range(40):
        jump = random_drive(t, *shape)
        spikes = layer(jump, i_ext=current)
        # One current for each neuron, the same in all trials.
        every = current.reshape(4, *[1] * (len(shape) - 1)).expand(shape)
        state = lif_step(jump, state, layer.params, 0.5, i_ext=every)
        assert torch.equal(spikes, state.spikes)
        assert torch.equal(layer.v, state.v)
        assert torch.equal(layer.s, state.spikes)
    assert layer.s.sum() > 0
    layer.reset_state()
    assert torch.equal(layer.v, torch.zeros(4))
    assert not layer.s.any()


def test_the_layer_stays_float32() -> None:
    layer = LIFLayer(2)
    layer(torch.zeros(2, dtype=torch.float64), i_ext=torch.ones(2, dtype=torch.float64))
    layer(torch.ones(2, dtype=torch.long), i_ext=np.float64(1.0))
    assert layer.v.dtype == torch.float32


def test_parameters_may_be_numbers_tensors_or_arrays() -> None:
    for value in (20.0, torch.full((3,), 20.0), np.full(3, 20.0), [20.0, 20.0, 20.0]):
        LIFParameters(tau_m=value).check_size(3)
    for value in (torch.ones(2), np.ones(2), [1.0, 1.0]):
        with pytest.raises(ValueError, match=r"'tau_m' must be a number or have shape \[3\]"):
            LIFParameters(tau_m=value).check_size(3)


def test_repr_shows_every_parameter() -> None:
    params = LIFParameters(tau_m=12.5, tau_syn=3.0)
    for text in (repr(params), repr(LIFLayer(2, tau_m=12.5, tau_syn=3.0))):
        assert "tau_m=12.5" in text
        for field in fields(params):
            assert f"{field.name}=" in text


# Bad input


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"tau_m": 0.0}, r"'tau_m' must be positive, in ms \(got 0.0\)"),
        ({"tau_m": -1.0}, "'tau_m' must be positive"),
        ({"tau_syn": 0.0}, "'tau_syn' must be positive"),
        ({"t_ref": -1.0}, "'t_ref' must not be negative"),
        ({"v_th": math.nan}, r"'v_th' must be finite \(got nan\)"),
        ({"r_m": math.inf}, "'r_m' must be finite"),
        ({"tau_m": torch.tensor([1.0, math.nan])}, "'tau_m' must be finite"),
        ({"v_reset": 1.0}, "'v_reset' must lie below 'v_th' = 1.0"),
        ({"v_min": 2.0}, "'v_min' must lie below 'v_th'"),
        ({"v_th": torch.tensor([1.0, -0.5])}, "'v_reset' must lie below"),
    ],
)
def test_parameters_out_of_range(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LIFParameters(**wrong)
    with pytest.raises(ValueError, match=match):
        replace(LIFParameters(), **wrong)


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan, math.inf])
def test_steps_of_no_length(dt: float) -> None:
    with pytest.raises(ValueError, match="'dt' must be a positive number of ms"):
        lif_step(
            torch.zeros(1), LIFState.rest(LIFParameters(), torch.zeros(1)), LIFParameters(), dt
        )


def test_layers_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="'n_neurons' must be a whole number >= 1"):
        LIFLayer(0)
    with pytest.raises(ValueError, match="'tau_m' must be a number or have shape"):
        LIFLayer(3, tau_m=torch.ones(2))
    layer = LIFLayer(3)
    layer(torch.full((3,), 0.5))
    before = layer.v.clone()
    for jump, current, match in [
        (torch.zeros(2), 0.0, r"'i_syn' must have shape \[3\] or \[3, B\] \(got \[2\]\)"),
        (torch.zeros(3, 1, 1), 0.0, "'i_syn' must have shape"),
        (torch.tensor([0.0, math.nan, 0.0]), 0.0, "'i_syn' must be finite"),
        (torch.zeros(3), math.inf, "'i_ext' must be finite"),
        (torch.zeros(3), torch.zeros(3, 1), r"'i_ext' must be a number or have shape \[3\]"),
        (torch.zeros(3), torch.zeros(2), "'i_ext' must be a number"),
        (torch.zeros(3, 2), 0.0, r"call 'reset_state\(\)' before"),
    ]:
        with pytest.raises(ValueError, match=match):
            layer(jump, i_ext=current)
        assert torch.equal(layer.v, before)


def test_a_layer_refuses_a_wrong_step_when_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"'dt' must be a positive number of ms \(got 0.0\)"):
        LIFLayer(3, dt=0.0)


def test_neurons_that_never_recover_fire_once() -> None:
    params = LIFParameters(t_ref=3e9)  # more steps than an int32 holds
    assert int(params.at(1.0, torch.zeros(1)).refractory_steps) == 2**30
