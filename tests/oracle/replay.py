"""The definition of the model in float64 and plain numpy, and how near it comes to its thresholds.

Nothing is shared with the library. Where ``margin`` is larger than what rounding adds to a
potential, float32 decides every spike as float64 does.
"""

from typing import NamedTuple

import numpy as np
from cases import Array, Case


class Replay(NamedTuple):
    """Steps and nodes of all spikes ``[S]``; potentials ``[T, N]``.

    ``margin`` is the smallest distance of a potential from the threshold.
    """

    step: Array
    node: Array
    v: Array
    margin: float


def replay(case: Case) -> Replay:
    num_nodes, depth = case.num_nodes, int(case.delay.max()) + 1
    order = np.argsort(case.src, kind="stable")
    ends = np.searchsorted(case.src[order], np.arange(num_nodes + 1))
    alpha, kappa = np.exp(-case.dt / case.tau_m), np.exp(-case.dt / case.tau_ca)
    held_for = round(case.t_ref / case.dt)
    decay, effect = 0.0, np.zeros(num_nodes)
    if case.tau_syn:
        decay = np.exp(-case.dt / case.tau_syn)
        effect = case.tau_syn / (case.tau_syn - case.tau_m) * (decay - alpha)
    due = np.zeros((depth, num_nodes))
    v, fires = case.v.copy(), np.zeros(num_nodes, dtype=bool)
    held, current = np.zeros(num_nodes, dtype=int), np.zeros(num_nodes)
    gain, calcium = np.ones(num_nodes), np.zeros(num_nodes)
    fired, trace = [], np.empty((case.steps, num_nodes))
    for t in range(case.steps):
        jump = gain * due[t % depth]
        due[t % depth] = 0.0
        if case.tau_syn:
            current, jump = decay * current + jump, effect * current
        v = np.where(fires, case.v_reset, v)
        v = case.v_rest + alpha * (v - case.v_rest) + (1 - alpha) * case.bias + jump
        v = np.where(held > 0, case.v_reset, np.maximum(v, case.v_min))
        trace[t] = v
        fires = (v >= case.v_th) & (held == 0)
        held = np.where(fires, held_for, np.maximum(held - 1, 0))
        fired.append(np.flatnonzero(fires))
        for node in fired[-1]:
            edges = order[ends[node] : ends[node + 1]]
            place = (t + case.delay[edges]) % depth, case.dst[edges]
            np.add.at(due, place, case.weight[edges])
        calcium = kappa * calcium + (1 - kappa) * fires
        if case.eta and case.rule == "additive":
            gain = np.clip(gain + case.eta * (case.rho - calcium), 0.01, 100.0)
        elif case.eta:
            gain = np.clip(gain * (1 + case.eta * (1 - calcium / case.rho)), 0.01, 100.0)
    step = np.repeat(np.arange(case.steps), [len(nodes) for nodes in fired])
    return Replay(step, np.concatenate(fired), trace, float(np.abs(trace - case.v_th).min()))
