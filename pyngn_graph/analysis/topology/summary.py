"""All measures in one table, of one graph or of two, with null models beside them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.balance import mean_balance
from pyngn_graph.analysis.topology.clustering import clustering, transitivity
from pyngn_graph.analysis.topology.components import components
from pyngn_graph.analysis.topology.degrees import degrees, density, reciprocity
from pyngn_graph.analysis.topology.feedforward import cycle_counts, directedness, flow_hierarchy
from pyngn_graph.analysis.topology.modularity import communities, modularity
from pyngn_graph.analysis.topology.motifs import triad_census
from pyngn_graph.analysis.topology.network import Network
from pyngn_graph.analysis.topology.nulls import null_model
from pyngn_graph.analysis.topology.paths import Paths, paths
from pyngn_graph.analysis.topology.richclub import hub_density
from pyngn_graph.analysis.topology.smallworld import beside
from pyngn_graph.analysis.topology.spectral import non_normality, spectral_radius
from pyngn_graph.analysis.topology.table import as_table
from pyngn_graph.analysis.topology.wiring import mean_wire_length, wiring_cost
from pyngn_graph.checks import whole_seed

Facts = dict[str, float]
"""Measures by name."""

WORK = 2**30
"""Sources times neurons and edges up to which paths start from every neuron."""


def _sizes(net: Network) -> Facts:
    return {"num_nodes": net.num_nodes, "num_edges": int(net.src.size), "density": density(net)}


def _degrees(net: Network) -> Facts:
    found = degrees(net)
    facts: Facts = {"mean_degree": net.src.size / net.num_nodes}
    for side in ("inputs", "outputs"):
        count = getattr(found, side)
        facts[f"max_{side}"] = int(count.max())
        facts[f"sd_{side}"] = float(count.double().std(correction=0))
        facts[f"no_{side}"] = int((count == 0).sum())
    facts["mean_strength"] = float(found.in_strength.mean())
    facts["sd_in_strength"] = float(found.in_strength.std(correction=0))
    facts["sd_out_strength"] = float(found.out_strength.std(correction=0))
    return facts


def _delays(net: Network) -> Facts:
    mean = float(net.delay.mean()) * net.dt if net.delay.size else float("nan")
    return {"mean_delay_ms": mean}


def _reciprocity(net: Network) -> Facts:
    return {"reciprocity": reciprocity(net), "weighted_reciprocity": reciprocity(net, True)}


def _wiring(net: Network) -> Facts:
    return {"wiring_cost_um": wiring_cost(net), "mean_wire_length_um": mean_wire_length(net)}


def _components(net: Network) -> Facts:
    facts: Facts = {}
    for strong, name in ((True, "strong"), (False, "weak")):
        size = components(net, strong).bincount()
        facts[f"{name}_components"], facts[f"largest_{name}"] = size.numel(), int(size[0])
    return facts


def _clustering(net: Network) -> Facts:
    return {
        "clustering": float(clustering(net).mean()),
        "weighted_clustering": float(clustering(net, weighted=True).mean()),
        "transitivity": transitivity(net),
    }


def _hops(net: Network) -> Facts:
    found = paths(net, samples=_sources(net))
    return _of_paths(found, "hops") | {"reachable": found.reachable}


def _conduction(net: Network) -> Facts:
    return _of_paths(paths(net, by="delay", samples=_sources(net)), "ms")


def _sources(net: Network) -> int:
    return max(1, WORK // (net.num_nodes + net.src.size))


def _of_paths(found: Paths, unit: str) -> Facts:
    return {
        f"path_length_{unit}": found.mean_length,
        f"efficiency_{unit}": found.efficiency,
        f"longest_path_{unit}": found.longest,
    }


def _modularity(net: Network) -> Facts:
    labels = communities(net)
    return {"modularity": modularity(net, labels), "communities": int(labels.max()) + 1}


def _flow(net: Network) -> Facts:
    return {"flow_hierarchy": flow_hierarchy(net), "directedness": directedness(net)}


def _cycles(net: Network) -> Facts:
    return {f"cycles_of_{length}": count for length, count in cycle_counts(net).items()}


def _triads(net: Network) -> Facts:
    return {f"triad_{name}": count for name, count in triad_census(net).items()}


def _spectrum(net: Network) -> Facts:
    return {"spectral_radius": spectral_radius(net), "non_normality": non_normality(net)}


MEASURES: dict[str, Callable[[Network], Facts]] = {
    "size": _sizes,
    "degrees": _degrees,
    "delays": _delays,
    "reciprocity": _reciprocity,
    "wiring": _wiring,
    "balance": lambda net: {"mean_balance": mean_balance(net)},
    "components": _components,
    "spectrum": _spectrum,
    "clustering": _clustering,
    "hops": _hops,
    "conduction": _conduction,
    "rich_club": lambda net: {"hub_density": hub_density(net)},
    "modularity": _modularity,
    "flow": _flow,
    "cycles": _cycles,
    "triads": _triads,
}
"""Groups of measures, in the order of the table."""

CHEAP = ("size", "degrees", "delays", "reciprocity", "wiring", "balance", "components")
"""Those whose time grows as the number of edges."""


def measure(data: Data | Network, measures: Iterable[str] | None = None) -> Facts:
    """The numbers of :func:`summary` in a plain dict.

    Args:
        data: The graph.
        measures: Groups of :data:`MEASURES`; by default all.

    Raises:
        ValueError: If a group is unknown.
    """
    chosen = checked(measures)
    net = Network.of(data)
    facts: Facts = {}
    for name in chosen:
        facts |= MEASURES[name](net)
    return facts


def checked(measures: Iterable[str] | None) -> tuple[str, ...]:
    """The groups that were asked for, once they are known to exist.

    Raises:
        ValueError: If one does not.
    """
    if measures is None:
        return tuple(MEASURES)
    chosen = (measures,) if isinstance(measures, str) else tuple(measures)
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        raise ValueError(f"Unknown measures {unknown}; available: {list(MEASURES)}")
    return chosen


def summary(
    data: Data,
    measures: Iterable[str] | None = None,
    *,
    nulls: int = 0,
    seed: int = 0,
    kind: str = "degree",
) -> Any:
    """The topology of the live graph, one measure in a row.

    Units stand in the names of the rows; what each measure is stands with the function of its
    name. ``communities`` and ``modularity`` are those of seed 0. Paths start from all neurons
    where these times neurons and edges make at most 2^30, else from as many, drawn with seed 0.

    Args:
        data: The graph.
        measures: Groups of :data:`MEASURES`; by default all.
        nulls: Number of null models to compare with. They add, in columns, their mean, their
            standard deviation and the distance of the graph from them in these, ``z``, and the
            small-world numbers ``sigma``, ``omega`` and ``propensity`` (see
            :class:`SmallWorld`) in rows, where ``"clustering"`` and ``"hops"`` are measured.
        seed: Seed of the first null model; number k has ``seed + k``.
        kind: What they keep, see :func:`~pyngn_graph.analysis.topology.null_model`.

    Returns:
        A ``pandas.DataFrame``, or without pandas a table that prints; the same numbers, which
        :func:`measure` returns as a dict.

    Raises:
        ValueError: If a group or kind is unknown or ``nulls`` is negative.
    """
    return as_table(_columns(data, "value", measures, nulls, seed, kind))


def compare(
    a: Data,
    b: Data,
    measures: Iterable[str] | None = None,
    *,
    nulls: int = 0,
    seed: int = 0,
    kind: str = "degree",
) -> Any:
    """Two graphs side by side, as before and after a run, and what changed.

    The columns of :func:`summary` for ``a`` and for ``b``, and ``change``, b minus a.

    Raises:
        ValueError: See :func:`summary`.
    """
    chosen = checked(measures)
    columns = _columns(a, "a", chosen, nulls, seed, kind)
    columns |= _columns(b, "b", chosen, nulls, seed, kind)
    change = {name: columns["b"][name] - value for name, value in columns["a"].items()}
    return as_table({"a": columns.pop("a"), "b": columns.pop("b"), "change": change, **columns})


def _columns(
    data: Data, name: str, measures: Iterable[str] | None, nulls: int, seed: int, kind: str
) -> dict[str, Facts]:
    if nulls < 0:
        raise ValueError(f"'nulls' must not be negative (got {nulls})")
    chosen, seed = checked(measures), whole_seed(seed)
    facts = measure(data, chosen)
    if not nulls:
        return {name: facts}
    seeds = range(seed, seed + nulls)
    chance = [measure(null_model(data, kind, number), chosen) for number in seeds]
    mean, spread, z = Facts(), Facts(), Facts()
    for row, value in facts.items():
        found = np.array([null[row] for null in chance], dtype=float)
        mean[row], spread[row] = float(found.mean()), float(found.std())
        varies = spread[row] > 1e-9 * abs(mean[row])  # else it is rounding
        z[row] = (value - mean[row]) / spread[row] if varies else float("nan")
    if {"clustering", "hops"} <= {*chosen}:
        lattice = [_world(null_model(data, "lattice", number)) for number in seeds]
        world = beside(_pair(facts), [_pair(null) for null in chance], lattice)
        facts |= {name: getattr(world, name) for name in ("sigma", "omega", "propensity")}
    prefix = "" if name == "value" else f"{name} "
    return {name: facts, f"{prefix}null mean": mean, f"{prefix}null sd": spread, f"{prefix}z": z}


def _world(data: Data) -> tuple[float, float]:
    return _pair(measure(data, ("clustering", "hops")))


def _pair(facts: Facts) -> tuple[float, float]:
    return facts["clustering"], facts["path_length_hops"]


def described(facts: Mapping[str, float]) -> str:
    """The numbers of :func:`measure`, one in a line."""
    from pyngn_graph.analysis.topology.table import Table

    return str(Table({"": facts}))
