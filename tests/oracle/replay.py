"""The definition of the model in float64 and plain numpy, to see how near it comes to thresholds.

Nothing is shared with the library.
"""

from typing import NamedTuple

import numpy as np
from cases import Array, Case


class Replay(NamedTuple):
    """Steps and nodes of all spikes ``[S]``; potentials ``[T, N]``."""

    step: Array
    node: Array
    v: Array


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
    low, high = case.min_gain, case.max_gain
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
            gain = np.clip(gain + case.eta * (case.rho - calcium), low, high)
        elif case.eta:
            gain = np.clip(gain * (1 + case.eta * (1 - calcium / case.rho)), low, high)
    step = np.repeat(np.arange(case.steps), [len(nodes) for nodes in fired])
    return Replay(step, np.concatenate(fired), trace)
