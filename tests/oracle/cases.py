"""Networks that this library and its peers run, as plain numpy arrays.

Potentials here are float32, those of the peers float64, so that rounding could decide whether a
neuron a hair from its threshold fires, and a recurrent network would carry that on. Weights,
drives and first potentials are therefore multiples of a power of two, and time constants such that
the decay over a step is a number of float32: the same in all simulators. Networks are small and
seeds are such that no potential comes closer to its threshold than rounding
reaches (``replay.py`` measures how close): every spike can be asked for.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEEDS = {
    "delta": 71,
    "delta-mV": 27,
    "delta-fine": 11,
    "exponential": 13,
    "exponential-fine": 7,
    "additive": 10,
    "multiplicative": 5,
}
"""Chosen among up to a hundred for the widest berth around the threshold in the float64 replay.

Not any seed will do: of networks of 200 to 300 neurons and unchosen seeds, all parted from float64
within two seconds. (Those of the astrocytes were chosen with wider bounds of the gain.)
"""


@dataclass(frozen=True)
class Case:
    """One network of N neurons and E edges; times in ms, potentials in a unit of its own.

    ``tau_syn`` 0 stands for Dirac pulses, ``v_min`` minus infinity for no floor. ``eta`` 0 stands
    for no astrocytes; otherwise they follow ``rule`` towards ``rho`` spikes per step.
    """

    src: Array
    dst: Array
    weight: Array
    delay: Array
    bias: Array
    v: Array
    tau_m: Array
    dt: float
    steps: int
    v_th: float = 1.0
    v_rest: float = 0.0
    v_reset: float = 0.0
    v_min: float = -np.inf
    t_ref: float = 0.0
    tau_syn: float = 0.0
    eta: float = 0.0
    rho: float = 0.0
    tau_ca: float = 200.0
    rule: str = "additive"
    min_gain: float = 0.25
    max_gain: float = 4.0

    @property
    def num_nodes(self) -> int:
        return len(self.bias)

    def save(self, path: Path) -> None:
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Case":
        with np.load(path, allow_pickle=False) as file:
            arrays = {field.name: file[field.name] for field in fields(cls)}
        return cls(**{name: a if a.ndim else a.item() for name, a in arrays.items()})


def draw(
    seed: int,
    num_nodes: int,
    degree: int,
    max_delay: int,
    weight: float,
    drive: tuple[float, float],
    tau_m: tuple[float, float] = (20.0, 20.0),
    **values: Any,
) -> Case:
    """Random edges (parallel ones and self loops included), every fifth neuron inhibitory.

    ``weight`` is the mean of excitatory edges; inhibitory ones weigh four times as much. Weights
    spread by a half about their mean; delays, drives above rest, time constants and first
    potentials are uniform.
    """
    rng = np.random.default_rng(seed)
    num_edges = num_nodes * degree
    src, dst = rng.integers(num_nodes, size=(2, num_edges))
    v_rest, v_th = values.get("v_rest", 0.0), values.get("v_th", 1.0)
    size = np.where(src % 5 == 4, -4.0, 1.0) * weight * rng.uniform(0.5, 1.5, num_edges)
    return Case(
        src=src,
        dst=dst,
        weight=_exact(size),
        delay=rng.integers(1, max_delay + 1, num_edges),
        bias=_exact(rng.uniform(*drive, num_nodes)),
        v=_exact(rng.uniform(v_rest, v_th, num_nodes)),
        tau_m=_exact_time(rng.uniform(*tau_m, num_nodes), values["dt"]),
        **values,
    )


def _exact(values: Array) -> Array:
    """To multiples of a power of two that float32 and the grid of weights hold."""
    return np.round(values * 2.0**16) * 2.0**-16


def _exact_time(tau: Any, dt: float) -> Array:
    """To a time constant whose decay over a step is a number of float32."""
    return -dt / np.log(np.float64(np.float32(np.exp(-dt / np.asarray(tau)))))


def cases() -> dict[str, Case]:
    """The networks without glia, each for at least a second of model time."""
    millivolts: dict[str, Any] = {"v_rest": -70.0, "v_th": -50.0, "v_reset": -62.0}
    return {
        "delta": draw(
            SEEDS["delta"], 200, 30, 20, 0.02, (0.9, 1.3), dt=1.0, steps=1000, t_ref=2.0
        ),
        "delta-mV": draw(
            SEEDS["delta-mV"], 100, 25, 20, 0.5, (17.0, 26.0), (15.0, 30.0), **millivolts,
            v_min=-72.0, dt=1.0, steps=1000, t_ref=3.0,
        ),
        "delta-fine": draw(
            SEEDS["delta-fine"], 30, 15, 150, 0.03, (0.9, 1.3), (10.0, 20.0),
            v_reset=-0.25, dt=0.1, steps=10_000, t_ref=2.0,
        ),
        "exponential": draw(
            SEEDS["exponential"], 150, 25, 30, 0.1, (0.9, 1.3), (10.0, 20.0),
            dt=0.5, steps=2000, t_ref=3.0, tau_syn=5.0,
        ),
        "exponential-fine": draw(
            SEEDS["exponential-fine"], 30, 15, 25, 0.6, (0.9, 1.3), (10.0, 10.0),
            dt=0.1, steps=10_000, t_ref=2.0, tau_syn=0.5,
        ),
    }  # fmt: skip


def living(rule: str) -> Case:
    """A network whose astrocytes work for five seconds."""
    eta = {"additive": 2.0**-6, "multiplicative": 2.0**-10}[rule]
    return draw(
        SEEDS[rule], 40, 15, 20, 0.06, (0.8, 1.2), dt=1.0, steps=5000, t_ref=2.0,
        eta=eta, rho=2.0**-6, tau_ca=float(_exact_time(200.0, 1.0)), rule=rule,
    )  # fmt: skip
