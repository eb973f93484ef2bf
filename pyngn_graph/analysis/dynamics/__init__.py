"""Measures of a running reservoir: activity, criticality, chaos, memory and computation.

Times are counted in steps of ``dt`` where nothing else is said. Measures of single neurons and of
events take a :class:`~pyngn_graph.recording.Recording`, measures of states plain tensors.
"""

from pyngn_graph.analysis.dynamics.activity import (
    Activity,
    fano_factor,
    interval_cv,
    local_variation,
    measure_activity,
    population_count,
    spike_counts,
    synaptic_event_rate,
    synchrony,
)
from pyngn_graph.analysis.dynamics.branching import BranchingRatio, branching_ratio
from pyngn_graph.analysis.dynamics.damage import (
    DamageSpreading,
    DerridaMap,
    damage_spreading,
    derrida_map,
    extra_spikes,
    hamming_distance,
    perturb,
)
from pyngn_graph.analysis.dynamics.lyapunov import LyapunovExponent, lyapunov_exponent
from pyngn_graph.analysis.dynamics.memory import MemoryCapacity, memory_capacity
from pyngn_graph.analysis.dynamics.processing import (
    ProcessingCapacity,
    information_processing_capacity,
)
from pyngn_graph.analysis.dynamics.rank import (
    KernelQuality,
    StateRank,
    kernel_quality,
    state_rank,
)

__all__ = [
    "Activity",
    "BranchingRatio",
    "DamageSpreading",
    "DerridaMap",
    "KernelQuality",
    "LyapunovExponent",
    "MemoryCapacity",
    "ProcessingCapacity",
    "StateRank",
    "branching_ratio",
    "damage_spreading",
    "derrida_map",
    "extra_spikes",
    "fano_factor",
    "hamming_distance",
    "information_processing_capacity",
    "interval_cv",
    "kernel_quality",
    "local_variation",
    "lyapunov_exponent",
    "measure_activity",
    "memory_capacity",
    "perturb",
    "population_count",
    "spike_counts",
    "state_rank",
    "synaptic_event_rate",
    "synchrony",
]
