import re
import subprocess
import sys

EXAMPLE = """\
import torch
from pyngn_graph.neuron import LIFLayer
from pyngn_graph.synapse import DelayBuffer

n_neurons = 5
layer = LIFLayer(n_neurons=n_neurons, tau_m=20.0, v_th=1.0)
buffer = DelayBuffer(n_neurons=n_neurons, max_delay=10)
delays = torch.randint(1, 10, (n_neurons, n_neurons))

for t in range(100):
    delayed_spikes = buffer.get_delayed_spikes(delays)
    i_syn = delayed_spikes.sum(dim=0)
    spikes = layer.forward(i_syn=i_syn)
    buffer.push(spikes)
    if t % 10 == 0:
        print(f"Time {t}: Active Neurons {spikes.sum().item()}")
"""


def test_the_first_readme_example_runs_as_it_stands() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", EXAMPLE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [re.sub(r"\.0$", "", line) for line in lines] == [
        f"Time {t}: Active Neurons 0" for t in range(0, 100, 10)
    ]
