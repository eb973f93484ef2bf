"""Settings of the whole suite: hypothesis profiles, one thread, and a choice of backend."""

import os

import pytest
import torch
from helpers import CPU_BACKENDS
from hypothesis import HealthCheck, settings

# Small tensors: spinning threads would cost more than they bring.
torch.set_num_threads(1)

_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile(
    "ci", max_examples=15, derandomize=True, deadline=None, suppress_health_check=_QUIET
)
settings.register_profile("long", max_examples=150, deadline=None, suppress_health_check=_QUIET)
# The same examples every time, unless HYPOTHESIS_PROFILE=long asks for new ones, ten times as many.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", params=CPU_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend of the CPU in turn."""
    name: str = request.param
    return name
