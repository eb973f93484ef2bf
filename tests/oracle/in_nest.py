"""Runs a case in NEST: ``python in_nest.py CASE.npz OUT.npz``, in an environment that has it.

With C_m = tau_m a current is the potential it leads to, and a weight the jump of the potential
(``iaf_psc_delta``) or of the current (``iaf_psc_exp``). NEST stamps a spike with the end of its
step and resets there, which is the same as when the next step begins.
"""

import sys
from pathlib import Path

import nest
import numpy as np
from cases import Case


def main(source: Path, out: Path) -> None:
    case = Case.load(source)
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.resolution, nest.local_num_threads = case.dt, 1
    model = "iaf_psc_exp" if case.tau_syn else "iaf_psc_delta"
    neurons = nest.Create(model, case.num_nodes)
    neurons.set(C_m=case.tau_m, tau_m=case.tau_m, t_ref=case.t_ref, I_e=case.bias)
    neurons.set(E_L=case.v_rest, V_reset=case.v_reset, V_th=case.v_th)
    neurons.set(V_m=case.v)
    if case.tau_syn:
        neurons.set(tau_syn_ex=case.tau_syn, tau_syn_in=case.tau_syn)
    elif np.isfinite(case.v_min):
        neurons.set(V_min=case.v_min)
    first = neurons[0].global_id
    synapses = {"synapse_model": "static_synapse", "weight": case.weight}
    synapses["delay"] = np.round(case.delay * case.dt, 6)
    nest.Connect(case.src + first, case.dst + first, "one_to_one", synapses)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(case.steps * case.dt)
    events = recorder.get("events")
    step = np.rint(events["times"] / case.dt).astype(np.int64) - 1
    np.savez(out, step=step, node=events["senders"] - first)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
