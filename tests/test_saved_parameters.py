"""Whatever runs is saved and loaded again: neurons with values beside every rounding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU_BACKENDS, random_graph
from hypothesis import given
from hypothesis import strategies as st
from strategies import few

from pyngn_graph import GlialCell, LIFParameters, TriglialReservoir

DT = (0.1, 0.5, 1.0)

TIMES = [0.0, 1e-300, 1e-9, 0.049, 0.05, 0.051, 0.2, 0.25, 0.4, 0.499999, 0.5, 0.500001, 0.75, 1.5]
"""Beside half a step of each ``DT``, where it is rounded up or down."""


@st.composite
def neurons(draw: st.DrawFn) -> LIFParameters:
    def one_of(values: list[Any]) -> Any:
        value = draw(st.sampled_from(values))
        shape = draw(st.sampled_from(["number", "numpy", "tensor", "float32"]))
        if value is None or shape == "number":
            return value
        if shape == "numpy":
            return draw(st.sampled_from([np.float32, np.float64]))(value)
        other = draw(st.sampled_from([each for each in values if each is not None]))
        dtype = torch.float64 if shape == "tensor" else torch.float32
        return torch.tensor([value] * 7 + [other], dtype=dtype)

    return LIFParameters(
        tau_m=one_of([20.0, 20.000001, 1e-3, 1e9]),
        v_th=one_of([1.0, 0.99999997]),
        v_rest=one_of([0.0, -0.0, 1e-45, -1e-300]),
        v_reset=one_of([0.0, 0.99999993, -1e-45]),
        t_ref=one_of(TIMES),
        v_min=one_of([None, -1e-45, -0.5]),
        tau_syn=one_of([None, 20.0, 20.000001, 1e-3]),
    )


def same_life(one: TriglialReservoir, other: TriglialReservoir) -> None:
    assert torch.equal(one.run(num_steps=20).events, other.run(num_steps=20).events)


@few
@given(neuron=neurons(), dt=st.sampled_from(DT), in_flight=st.sampled_from(["arrival", "emission"]))
@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_what_runs_can_be_saved_and_goes_on(
    name: str, neuron: LIFParameters, dt: float, in_flight: str, tmp_path_factory: Any
) -> None:
    def make() -> TriglialReservoir:
        return TriglialReservoir(
            random_graph(), neuron=neuron, dt=dt, bias=1.4, stateful=True, backend=name,
            in_flight=in_flight,
        )  # fmt: skip

    path = tmp_path_factory.mktemp("saved") / "reservoir.safetensors"
    reservoir = make()
    reservoir.run(num_steps=30)
    reservoir.save(path)
    again, third = TriglialReservoir.load(path, backend=name), make()
    third.load_state_dict(reservoir.state_dict())
    reservoir_again = TriglialReservoir.load(path, backend=name)
    same_life(again, reservoir)
    same_life(third, reservoir_again)


class Stops(GlialCell):
    """Dies once, as a process may."""

    at: int | None = 20

    def forward(self, data: Any) -> Any:
        if self.at is not None and data.clock >= self.at:
            raise KeyboardInterrupt
        return data


@pytest.mark.parametrize("t_ref", [t for t in TIMES if 0.0 < t < 1.0])
def test_a_killed_run_goes_on_from_its_checkpoint(t_ref: float, tmp_path: Path) -> None:
    def run(stops: int | None, path: Path | None) -> torch.Tensor:
        cell = Stops()
        cell.at = stops
        reservoir = TriglialReservoir(
            random_graph(), neuron=LIFParameters(t_ref=t_ref), glia=[cell], glia_period=10, bias=1.4
        )
        return reservoir.adapt(num_steps=40, checkpoint=path, checkpoint_every=5).events

    with pytest.raises(KeyboardInterrupt):
        run(20, tmp_path / "run.safetensors")
    assert torch.equal(run(None, tmp_path / "run.safetensors"), run(None, None))
