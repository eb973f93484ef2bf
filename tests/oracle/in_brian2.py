"""Runs a case in Brian2: ``python in_brian2.py CASE.npz OUT.npz``, in an environment that has it.

Brian2 is given the differential equations and solves them (``method="exact"``). Synapses act
before thresholds, as in the model; since spikes then enter the queue one step after they were
fired, the delays are one step shorter. Brian2 counts the step of the spike into the refractory
time, and lets pulses move a refractory neuron unless told otherwise.
"""

import sys
from pathlib import Path

import brian2
import numpy as np
from brian2 import ms
from cases import Case

EQUATIONS = """
dv/dt = (v_rest - v + bias{current}) / tau_m : 1 (unless refractory)
dcalcium/dt = -calcium / tau_ca : 1
bias : 1 (constant)
tau_m : second (constant)
gain : 1
"""

CURRENT = "di_syn/dt = -i_syn / tau_syn : 1\n"

RULES = {
    "additive": "gain = clip(gain + eta * (rho - calcium), low, high)",
    "multiplicative": "gain = clip(gain * (1 + eta * (1 - calcium / rho)), low, high)",
}

EVERY = 100
"""Steps from one record of gain and calcium to the next."""


def main(source: Path, out: Path) -> None:
    case = Case.load(source)
    brian2.prefs.codegen.target = "numpy"  # needs no compiler
    brian2.defaultclock.dt = case.dt * ms
    equations = EQUATIONS.format(current=" + i_syn" if case.tau_syn else "")
    neurons = brian2.NeuronGroup(
        case.num_nodes,
        equations + (CURRENT if case.tau_syn else ""),
        threshold="v >= v_th",
        reset="v = v_reset\ncalcium += 1 - exp(-dt / tau_ca)",
        refractory=(round(case.t_ref / case.dt) + 1) * case.dt * ms,
        method="exact",
        namespace={
            "v_rest": case.v_rest,
            "v_th": case.v_th,
            "v_reset": case.v_reset,
            "v_min": case.v_min,
            "tau_syn": case.tau_syn * ms,
            "tau_ca": case.tau_ca * ms,
            "eta": case.eta,
            "rho": case.rho,
            "low": case.min_gain,
            "high": case.max_gain,
        },
    )
    neurons.v, neurons.bias, neurons.gain = case.v, case.bias, 1.0
    neurons.tau_m = case.tau_m * ms
    pulse = "v_post += gain_post * w * int(not_refractory_post)"
    synapses = brian2.Synapses(
        neurons,
        neurons,
        "w : 1 (constant)",
        on_pre="i_syn_post += gain_post * w" if case.tau_syn else pulse,
    )
    synapses.connect(i=case.src, j=case.dst)
    synapses.w, synapses.delay = case.weight, (case.delay - 1) * case.dt * ms
    spikes = brian2.SpikeMonitor(neurons)
    traces = brian2.StateMonitor(
        neurons, ["gain", "calcium"], record=True, dt=EVERY * case.dt * ms, when="start"
    )
    if np.isfinite(case.v_min):
        neurons.run_regularly("v = clip(v, v_min, inf)", when="before_thresholds")
    if case.eta:
        neurons.run_regularly(RULES[case.rule], when="end")
    network = brian2.Network(neurons, synapses, spikes, traces)
    network.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    network.run(case.steps * case.dt * ms)
    np.savez(
        out,
        step=np.rint(spikes.t / (case.dt * ms)).astype(np.int64),
        node=np.asarray(spikes.i),
        gain=np.asarray(traces.gain).T,
        calcium=np.asarray(traces.calcium).T,
        last_gain=np.asarray(neurons.gain),
        last_calcium=np.asarray(neurons.calcium),
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
