"""What every table stands beside: taps of the raw input, and an echo state network of equal size.

The network is that of ReservoirPy; it gets the same inputs, and the readout is ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.science.harness import Study
from benchmarks.science.protocol import SERIES, scores
from benchmarks.science.results import Cell

ESN = "control: ESN of equal size, best setting"

ESN_SETTINGS: dict[str, Mapping[str, float]] = {
    "radius 0.99, leak 1, input 0.01": {"radius": 0.99, "leak": 1.0, "input_scale": 0.01},
    "radius 0.99, leak 1, input 0.03": {"radius": 0.99, "leak": 1.0, "input_scale": 0.03},
    "radius 0.95, leak 0.6, input 0.3": {"radius": 0.95, "leak": 0.6, "input_scale": 0.3},
}
"""Settings of which the best on the choosing seeds is reported, for each measure apart."""

TAPS = {number: f"control: raw input, {number} samples" for number in (10, 30)}
TAPS[1] = "control: raw input, 1 sample"

METRICS = {"memory": "memory", "narma10": "narma10", "mackey_glass": "mackey10"}
"""By what a setting is chosen for a measure."""


def taps(
    seed: int,
    number: int,
    measures: Sequence[str] = SERIES,
    max_lag: int = 200,
    train: int = 3000,
) -> dict[str, Any]:
    """A linear readout of the present sample and the ``number - 1`` before it."""

    def states(u: Tensor) -> Tensor:
        padded = torch.cat([u.new_zeros(number - 1), u.flatten()])
        return padded.unfold(0, number, 1)

    return scores(states, seed, measures, max_lag, train)


def esn(
    seed: int,
    settings: Mapping[str, Mapping[str, float]],
    num_nodes: int = 512,
    max_lag: int = 200,
    train: int = 3000,
) -> dict[str, Any]:
    """Echo state networks of ``num_nodes`` units, with ``settings`` for each measure."""
    found: dict[str, Any] = {}
    for measure, setting in settings.items():

        def states(u: Tensor, setting: Mapping[str, float] = setting) -> Tensor:
            network = echo_state_network(seed, num_nodes, **setting)
            return torch.from_numpy(network.run(u.double().numpy()))

        found |= scores(states, seed, [measure], max_lag, train)
    return found


def echo_state_network(
    seed: int, num_nodes: int, radius: float, leak: float, input_scale: float
) -> Any:
    """A reservoir of ReservoirPy; ``run`` maps ``[T, C]`` to states ``[T, num_nodes]``."""
    from reservoirpy.nodes import Reservoir

    return Reservoir(
        num_nodes,
        lr=leak,
        sr=radius,
        input_scaling=input_scale,
        input_connectivity=1.0,
        seed=np.random.default_rng(seed),
    )


def series_controls(
    study: Study,
    columns: Sequence[str],
    measures: Sequence[str] = SERIES,
    num_nodes: int = 512,
    max_lag: int = 200,
    train: int = 3000,
) -> list[Cell]:
    """Cells of both controls for time series, the same in all ``columns``."""
    shared = {"max_lag": max_lag, "train": train}
    chosen = {}
    for measure in measures:
        settings = {
            name: {"settings": {measure: setting}, "num_nodes": num_nodes, **shared}
            for name, setting in ESN_SETTINGS.items()
        }
        best = max if measure == "memory" else min
        name = study.choose(
            f"ESN of {num_nodes} for {measure}", esn, settings, METRICS[measure], best
        )
        chosen[measure] = ESN_SETTINGS[name]
    calls = [(ESN, esn, {"settings": chosen, "num_nodes": num_nodes, **shared})]
    for number, row in sorted(TAPS.items()):
        calls.append((row, taps, {"number": number, "measures": list(measures), **shared}))
    return [
        Cell(row, column, seed, function, params)
        for row, function, params in calls
        for column in columns
        for seed in study.seeds
    ]
