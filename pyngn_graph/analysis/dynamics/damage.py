"""What becomes of a small perturbation: damage spreading and the Derrida map."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_tensor
from pyngn_graph.checks import check_count
from pyngn_graph.recording import Recording
from pyngn_graph.reservoir import TriglialReservoir

FORCE = 1e4
"""Shift that makes a neuron fire, in units of the way from reset to threshold."""


class DamageSpreading(NamedTuple):
    """Two runs that differ by extra spikes.

    Attributes:
        share: Share of the trials hit that are still different at the end; NaN if none was hit.
        hit: Trials in which the extra spikes were new, ``[B]`` bool. Neurons that are refractory or
            fire anyway are not hit.
        lasting: Trials whose last ``window`` steps differ, ``[B]`` bool.
        distance: :func:`hamming_distance` from the perturbed step on, ``[B, T - at]``.
    """

    share: float
    hit: Tensor
    lasting: Tensor
    distance: Tensor


class DerridaMap(NamedTuple):
    """Damage before and after, for each number S of forced neurons and each trial B.

    Attributes:
        before: Share of the neurons whose spikes differ at the perturbed step, ``[S, B]``.
        after: Share of the neurons whose spikes differ at one of the ``horizon`` steps behind,
            ``[S, B]``.
    """

    before: Tensor
    after: Tensor


def damage_spreading(
    reservoir: TriglialReservoir,
    x: Tensor,
    *,
    at: int,
    count: int = 1,
    window: int = 100,
    generator: torch.Generator,
) -> DamageSpreading:
    """Whether ``count`` extra spikes are forgotten or change the activity for good.

    Each trial runs twice on the same input, the second time with extra spikes of neurons drawn at
    random at step ``at``. A trial is still different if a spike differs in its last ``window``
    steps. A share near 0 means order, near 1 chaos. Choose ``window`` well above the longest delay:
    spikes under way are part of the state, and not seen in it. Neurons that the bias alone makes
    fire remember an extra spike as a shift of their phase, without any edge: the same reservoir
    with weights of 0 is the control.

    Args:
        reservoir: A reservoir; it is not changed.
        x: Input ``[B, T, C]``, with all trials of full length.
        at: Step of the perturbation, once the activity has settled.
        count: Neurons that fire once more.
        window: Steps at the end.
        generator: Draws the neurons.

    Raises:
        ValueError: If a parameter breaks its rule.

    Sources: Derrida & Stauffer (1986) for damage spreading; Bertschinger & Natschlaeger (2004),
    "Real-time computation at the edge of chaos in recurrent neural networks", for its use here.
    """
    check_count("window", window)
    twin, currents = _twin(reservoir, x, at)
    steps = currents.size(1) - at
    if window >= steps:
        raise ValueError(
            f"'window' must be shorter than the {steps} steps from 'at' to the end (got {window})"
        )
    shift = extra_spikes(currents.size(0), currents.size(2), count, generator=generator)
    one, two = twin.run(currents), twin.run(_shifted(twin, currents, shift, at))
    distance = hamming_distance(one.spikes()[:, at:], two.spikes()[:, at:])
    hit, lasting = distance[:, 0] > 0, (distance[:, -window:] > 0).any(dim=1)
    return DamageSpreading(float(lasting[hit].double().mean()), hit, lasting, distance)


def derrida_map(
    reservoir: TriglialReservoir,
    x: Tensor,
    counts: Sequence[int] = (1, 2, 4, 8, 16, 32),
    *,
    at: int,
    horizon: int,
    generator: torch.Generator,
) -> DerridaMap:
    """How large damage is one generation later, against how large it was.

    At step ``at`` of a second run, neurons drawn at random fire once more; ``before`` is the share
    of all neurons that then differ, ``after`` the share that differ in at least one of the next
    ``horizon`` steps, which is to be one generation, about the longest delay. Where the map runs
    above the diagonal for small damage, damage spreads; its slope at 0 is the number of neurons
    that one spike damages.

    Args:
        reservoir: A reservoir; it is not changed.
        x: Input ``[B, T, C]``, with all trials of full length.
        counts: Numbers of neurons that fire once more.
        at: Step of the perturbation, once the activity has settled.
        horizon: Steps behind it that count.
        generator: Draws the neurons.

    Raises:
        ValueError: If a parameter breaks its rule.

    Source: Derrida & Pomeau (1986), "Random networks of automata: a simple annealed approximation",
    for the map from distance to distance; steps are widened to generations as delays differ.
    """
    check_count("horizon", horizon)
    twin, currents = _twin(reservoir, x, at)
    num_trials, num_steps, num_nodes = currents.shape
    if at + horizon >= num_steps:
        raise ValueError(
            f"'at' + 'horizon' must lie below the {num_steps} steps of the input (got "
            f"{at} + {horizon})"
        )
    span = slice(at, at + horizon + 1)
    currents = currents[:, : span.stop]
    one = twin.run(currents).spikes()[:, span]
    before, after = [], []
    for count in counts:
        shift = extra_spikes(num_trials, num_nodes, count, generator=generator)
        two = twin.run(_shifted(twin, currents, shift, at)).spikes()[:, span]
        before.append(hamming_distance(one[:, 0], two[:, 0]))
        after.append((one[:, 1:] != two[:, 1:]).any(dim=1).double().mean(dim=1))
    return DerridaMap(torch.stack(before), torch.stack(after))


def perturb(
    reservoir: TriglialReservoir,
    x: Tensor,
    shift: Tensor,
    *,
    at: int,
    record: Sequence[str] = (),
) -> tuple[Recording, Recording]:
    """Two runs from rest on the same input, the second with potentials moved at one step.

    The shift is a pulse of current at step ``at``, which adds it to the potential as it is compared
    with the threshold. A neuron that is refractory does not feel it. Currents are held for all
    steps, B T N values.

    Args:
        reservoir: A reservoir; it is not changed, nor is its fast state used.
        x: Input ``[B, T, C]`` or ``[T, C]``, with all trials of full length.
        shift: What is added to the potentials, ``[B, N]``; infinity makes a neuron fire, see
            :func:`extra_spikes`.
        at: Step of the perturbation.
        record: Traces to keep, as for :meth:`TriglialReservoir.run`.

    Returns:
        The recordings without and with the shift, the same in all steps before ``at``.

    Raises:
        ValueError: If a parameter breaks its rule.
    """
    twin, currents = _twin(reservoir, x, at)
    moved = _shifted(twin, currents, shift, at)
    return twin.run(currents, record=record), twin.run(moved, record=record)


def extra_spikes(
    num_trials: int, num_nodes: int, count: int = 1, *, generator: torch.Generator
) -> Tensor:
    """A shift for :func:`perturb` that makes ``count`` neurons fire, others in each trial.

    Returns:
        ``[B, N]``, infinity for ``count`` neurons of each trial, drawn at random, and 0 elsewhere.

    Raises:
        ValueError: If there are less than ``count`` neurons.
    """
    check_count("count", count)
    if count > num_nodes:
        raise ValueError(f"'count' must not exceed the {num_nodes} neurons (got {count})")
    order = torch.rand(num_trials, num_nodes, generator=generator, dtype=torch.float32).argsort(
        dim=1
    )
    return torch.zeros(num_trials, num_nodes, dtype=torch.float32).scatter(
        1, order[:, :count], torch.inf
    )


def hamming_distance(a: Tensor, b: Tensor) -> Tensor:
    """Share of the neurons that differ between spikes ``a`` and ``b`` ``[..., N]``, ``[...]``.

    Raises:
        ValueError: If their shapes differ, or there is no neuron.
    """
    a, b = as_tensor("a", a), as_tensor("b", b)
    if a.shape != b.shape or not a.dim() or not a.size(-1):
        raise ValueError(
            f"'a' and 'b' must have the same shape [..., N], N at least 1 (got {list(a.shape)} and "
            f"{list(b.shape)})"
        )
    return (a != b).double().mean(dim=-1)


def _twin(reservoir: TriglialReservoir, x: Tensor, at: int) -> tuple[TriglialReservoir, Tensor]:
    """The same frozen network driven by currents, and the currents ``[B, T, N]`` it gets from x."""
    setting = reservoir.setting
    x, _ = reservoir.projection.checked(x, None, None)
    currents = reservoir.projection(x).permute(2, 0, 1).repeat_interleave(setting.hold, dim=1)
    if not isinstance(at, int) or not 0 <= at < currents.size(1):
        raise ValueError(
            f"'at' must be one of the steps 0..{currents.size(1) - 1} of the input (got {at!r})"
        )
    twin = TriglialReservoir(
        reservoir.graph,
        neuron=setting.neuron,
        dt=setting.dt,
        tau_trace=setting.tau_trace,
        in_flight=setting.in_flight,
        max_delay=setting.max_delay,
        backend=setting.backend,
        threads=setting.threads,
    )
    return twin.to(currents.device), currents


def _shifted(reservoir: TriglialReservoir, currents: Tensor, shift: Tensor, at: int) -> Tensor:
    """``currents`` ``[B, T, N]`` with a pulse at step ``at`` that adds ``shift`` to potentials."""
    num_trials, _, num_nodes = currents.shape
    shift = as_tensor("shift", shift)
    if shift.shape != (num_trials, num_nodes):
        raise ValueError(
            f"'shift' must have shape [{num_trials}, {num_nodes}], one value for each trial and "
            f"neuron (got {list(shift.shape)})"
        )
    shift = shift.to(currents)
    if bool((shift.isnan() | (shift == -torch.inf)).any()):
        raise ValueError("'shift' must be finite, or infinity for an extra spike")
    c = reservoir.setting.neuron.at(reservoir.setting.dt, currents[:, at].t())
    if bool((c.drive == 0).any()):
        raise ValueError("A shift is a pulse of current, which neurons with r_m = 0 do not feel")
    force = (FORCE * (c.v_th - c.v_reset)).expand(num_nodes, 1).squeeze(1)
    pulse = torch.where(shift.isinf(), force, shift) / c.drive.expand(num_nodes, 1).squeeze(1)
    currents = currents.clone()
    currents[:, at] += pulse
    return currents
