"""The reservoir: a living graph, its neurons and glia, as a PyTorch module."""

import copy
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import snapshot, storage
from pyngn_graph.arrays import Numbers, as_float32, as_tensor
from pyngn_graph.asked import asked
from pyngn_graph.backends import check, resolve
from pyngn_graph.bounds import check_potentials, largest_size
from pyngn_graph.card import card
from pyngn_graph.checkpoint import Checkpoint, identity
from pyngn_graph.checks import as_number, check_count
from pyngn_graph.constructed import Constructed, shown
from pyngn_graph.diagnosis import Diagnosis, diagnose, warn_if_ill
from pyngn_graph.evidence import Activity, binned
from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import MAX_DELAY, number, prepare
from pyngn_graph.history import TopologyRecorder
from pyngn_graph.misread import warn_of_excitation, warn_of_raw_counts, warn_of_silenced
from pyngn_graph.misuse import check_signal, warn_of_dtype, warn_of_signal
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.probe import Probe
from pyngn_graph.readiness import Readiness
from pyngn_graph.recording import Recording
from pyngn_graph.setting import Setting, checked_glia
from pyngn_graph.simulation import Simulation
from pyngn_graph.state import ReservoirState
from pyngn_graph.transforms import Transform
from pyngn_graph.union_parameters import joint_neurons, joint_projection
from pyngn_graph.unions import graph_sizes, registered, split_states

SETTINGS = [field.name for field in fields(Setting)]


class TriglialReservoir(Constructed):
    r"""A spiking reservoir on a graph that three kinds of glia reshape while it runs (3GSNN-LSM).

    At step t, over every edge :math:`j \to i` with weight w, delay D and mask M,

    .. math::
        a_i(t) &= \sum_j M_{ji} w_{ji} s_j(t - D_{ji}) \\
        u_i &\leftarrow u_{rest} + \alpha (u_i - u_{rest}) + (1 - \alpha) R I_{ext,i}(t)
            + \gamma_i(t) a_i(t)

    Neurons, calcium and gain step every ``dt``; delays and wiring change every ``glia_period``
    steps of a life. :meth:`adapt` is the one verb that lets the glia reshape the graph: its trials
    are one stream, in order. :meth:`run` and calling the reservoir never change the graph, and
    their trials are independent. ``train()`` and ``eval()`` mean what they mean to torch, and have
    no say in this. The fast state (potentials, spikes under way, traces) begins at ``start`` at
    each call unless ``stateful``; the slow state lives on :attr:`graph` and stays. Sums of spikes
    are exact, so that every backend gives the same bits.

    **Many reservoirs at once.** ``Batch.from_data_list([g1, ..., gk])`` runs as one graph in k
    parts, bit for bit as k reservoirs would that are given the same arguments: every graph has the
    grid of weights, the projection (all see the same channels), the random choices and the ticks
    that it would have alone. ``neuron`` and ``seed`` may be lists with one entry for each graph,
    a cell may be a :class:`~pyngn_graph.glia.PerGraph` of k cells, and tensors ``[N]`` count the
    neurons of all graphs. ``reservoir.graph.to_data_list()`` gives the k graphs as they stand,
    :meth:`split` the liquid states of each. (Give all graphs the same attributes: PyG leaves out
    of a batch what the first of them lacks, and rounds their numbers to float32.)

    Args:
        graph: A graph that passes :func:`pyngn_graph.validate`, or a ``Batch`` of them; it is
            copied.
        in_channels: Channels of the input, which a fixed random projection spreads over the
            neurons. ``None``: the input is the current into every neuron.
        neuron: Parameters of the neurons.
        glia: Glial cells, and plain ``Data -> Data`` transforms, in the order of their action.
            Transforms are called every ``glia_period`` steps, each with a copy of the graph.
        dt: Step in ms; must agree with ``graph.dt`` where the graph has one.
        glia_period: Steps between two changes of delays and wiring.
        hold: Steps for which each sample of the input is held.
        input_scale: Standard deviation of the current into a neuron when all channels have unit
            variance.
        input_density: Share of the neurons that each channel reaches.
        input_weight: Your own projection ``[N, in_channels]`` instead of the random one.
        bias: Constant current, a number, a tensor ``[N]``, or a pair: bounds of a uniform
            distribution. By default (0.7, 1.1) with a projection, 0 without.
        pool: ``"last"``: the liquid state at the end of a trial; an integer K: its mean over each
            of K equal segments, one after the other.
        tau_trace: Time constant of the liquid state, the low-passed spikes, in ms; 0: the spikes.
        in_flight: ``"arrival"``: the delay of an edge is read when spikes arrive, as in the
            equation. ``"emission"``: each spike keeps the delay it left with.
        max_delay: Longest delay allowed, steps.
        stateful: Keep the fast state from call to call, until :meth:`reset`.
        start: Where the fast state of a trial begins. ``"rest"``: silent, at ``v_rest``.
            ``"lived"``: as it stood at the end of the last :meth:`adapt`, spikes under way
            included, so that a trial shorter than the longest delay runs at the rate that the
            glia have set.
        backend: ``"auto"`` or the name of a backend.
        threads: Threads over which independent trials are spread; by default as many as torch
            uses (``torch.get_num_threads()``). A single trial, as all of a life is, runs on one.
            Results do not depend on it.
        seed: Seed of projection and bias.

    Shapes:
        - **input** ``[B, T, C]`` (trial, sample, channel), or ``[T, C]`` for one trial
        - **output** ``[B, F]``, F = N for ``pool="last"``, else K N

    Raises:
        ValueError, TypeError: If the graph, a parameter or an input breaks its rule. The reservoir
            stays as it was.

    Sources: Maass, Natschlaeger & Markram (2002) for liquid state machines; the rules of the glia
    are documented with each cell.
    """

    neuron: LIFParameters = shown("setting.neuron", "Parameters of the neurons.")
    glia: tuple[GlialCell | Transform, ...] = shown("setting.glia", "The glia, in their order.")
    dt: float = shown("setting.dt", "Step, ms.")
    glia_period: int = shown("setting.glia_period", "Steps from one tick to the next.")
    hold: int = shown("setting.hold", "Steps for which a sample is held.")
    pool: str | int = shown("setting.pool", "How a trial becomes a liquid state.")
    tau_trace: float = shown("setting.tau_trace", "Time constant of the liquid state, ms.")
    in_flight: str = shown("setting.in_flight", "Which delay a spike takes.")
    max_delay: int = shown("setting.max_delay", "Longest delay allowed, steps.")
    stateful: bool = shown("setting.stateful", "Whether the fast state is kept between calls.")
    start: str = shown("setting.start", "Where a trial begins.")
    threads: int | None = shown("setting.threads", "Threads for independent trials.")
    in_channels: int | None = shown("projection.in_channels", "Channels; None: one a neuron.")
    input_scale: float = shown("projection.scale", "Standard deviation of the input current.")
    input_density: float = shown("projection.density", "Share of neurons that a channel reaches.")
    input_weight: Tensor | None = shown("projection.weight", "The projection ``[N, C]``, or None.")
    bias: Tensor = shown("projection.bias", "The constant current into every neuron, ``[N]``.")
    seed: int | Sequence[int] = shown("projection.seed", "Seed of projection and bias.")

    def __init__(
        self,
        graph: Data,
        in_channels: int | None = None,
        neuron: LIFParameters | Sequence[LIFParameters] | None = None,
        glia: Iterable[GlialCell | Transform] = (),
        dt: float = 1.0,
        glia_period: int = 1000,
        hold: int = 1,
        input_scale: float = 1.0,
        input_density: float = 1.0,
        input_weight: Tensor | None = None,
        bias: float | Tensor | tuple[float, float] | None = None,
        pool: str | int = "last",
        tau_trace: float = 20.0,
        in_flight: str = "arrival",
        max_delay: int = MAX_DELAY,
        stateful: bool = False,
        start: str = "rest",
        backend: str = "auto",
        threads: int | None = None,
        seed: int | Sequence[int] = 0,
    ) -> None:
        super().__init__()
        check_count("max_delay", max_delay)
        data = prepare(graph, max_delay=max_delay)
        warn_of_silenced(graph.edge_weight, data.edge_weight)
        dt = as_number("dt", dt)
        own = number(graph, "dt", dt)
        if not math.isclose(own, dt, rel_tol=1e-6):  # a Batch has it in float32
            raise ValueError(
                f"The delays of the graph count steps of {own} ms but dt = {dt}; "
                f"pass dt={own} or build the graph with dt={dt}"
            )
        data.dt, sizes = float(dt), graph_sizes(data)
        self.setting = Setting(
            neuron=joint_neurons(neuron, sizes),
            glia=checked_glia(glia),
            dt=float(dt),
            glia_period=glia_period,
            hold=hold,
            pool=pool,
            tau_trace=tau_trace,
            in_flight=in_flight,
            max_delay=max_delay,
            stateful=stateful,
            start=start,
            backend=backend,
            threads=threads,
        )
        self.setting.neuron.check_size(data.num_nodes)
        self.setting.neuron.at(dt, torch.zeros(data.num_nodes, 1, dtype=torch.float32))
        self.projection = joint_projection(
            sizes, in_channels, input_scale, input_density, input_weight, bias, seed
        ).to(data.edge_index.device)
        self._readiness = Readiness(sizes, self.setting, self.projection)
        self._graph = self.setting.prepared(data)
        for cell, steps in self.setting.longest_delays(self._graph):
            if steps > max_delay:
                raise ValueError(
                    f"{cell!r} may set delays of {steps} steps, beyond max_delay = {max_delay} of "
                    f"the reservoir; raise it or restrict the cell"
                )
        self._check_potentials(self._graph, None)
        self._readiness.notice(self._graph)
        self._state: ReservoirState | None = None
        self._lived: ReservoirState | None = None
        self._potential: Tensor | None = None
        self._activity: Activity | None = None
        self._heard: tuple[Activity, bool] | None = None
        self._told: set[str] = set()
        neurons = self.setting.neuron
        warn_of_raw_counts(data, float(torch.as_tensor(neurons.v_th - neurons.v_rest).min()))
        if not any(isinstance(cell, Astrocyte) for cell in self.setting.glia_of(0)):
            warn_of_excitation(self._graph)
        self._made = True

    @property
    def graph(self) -> Data:
        """The living graph, with everything the glia have written to it.

        Assign a graph to go on with it, say after a lesion; it is checked and copied to the device
        of the reservoir, and the fast state is forgotten, with it that of the last life.
        """
        self._readiness.hand_out(self._graph)
        return self._graph

    @graph.setter
    def graph(self, graph: Data) -> None:
        data = prepare(graph, max_delay=self.setting.max_delay).to(self.bias.device)
        self._readiness.check_same(data)
        data.dt = self.setting.dt
        data = self.setting.prepared(data)
        self._check_potentials(data, None)
        self._graph = data
        self._state = self._lived = self._potential = self._heard = None

    @property
    def backend(self) -> str:
        """The backend in use, ``"auto"`` resolved."""
        return resolve(self.setting.backend, self.bias.device)

    def replace(self, **changes: Any) -> "TriglialReservoir":
        """A new reservoir on the graph as it stands, with other arguments; it begins at rest.

        What is drawn is kept unless one of its own arguments changes: the projection with
        ``in_channels``, ``input_scale``, ``input_density`` or ``seed``, the bias with ``bias``.
        An ``input_weight`` of your own is kept as long as it fits.

        Raises:
            ValueError, TypeError: If there is no such argument, or a value breaks its rule.
        """
        same = self._arguments(changes) | {"backend": self.setting.backend}
        drawn = changes.keys() & {"input_scale", "input_density", "seed"} and self._is_drawn()
        if drawn or "in_channels" in changes:
            same["input_weight"] = None
        nodes = getattr(changes.get("graph", self._graph), "num_nodes", None)
        if nodes != self._graph.num_nodes:
            same |= {"input_weight": None, "bias": None}
        return TriglialReservoir(**(same | changes))

    def _is_drawn(self) -> bool:
        """Whether the projection is the random one."""
        own = (self.in_channels, self.input_scale, self.input_density, None, 0.0, self.seed)
        drawn = joint_projection(graph_sizes(self._graph), *own).weight
        return drawn is None or torch.equal(drawn, self.projection.weight.cpu())  # type: ignore[union-attr]

    def reset(self, v: Tensor | float | None = None) -> None:
        """Forgets the fast state; ``v`` (a number or ``[N]``) sets the potentials to start from.

        Without ``v`` trials begin again at ``start``; with it, at rest but for these potentials.

        Raises:
            ValueError: If ``v`` has the wrong shape or is not finite.
        """
        if v is not None:
            v = as_float32("v", v).to(self.bias.device)
            if v.dim() and v.shape != self.bias.shape:
                raise ValueError(
                    f"'v' must be a number or have shape {list(self.bias.shape)} "
                    f"(got {list(v.shape)})"
                )
            if not bool(torch.isfinite(v).all()):
                raise ValueError("'v' must be finite")
            v = v.expand_as(self.bias).clone()
        self._state, self._potential = None, v
        for cell in self.setting.cells:
            cell.forget(self._graph)

    @torch.compiler.disable
    def forward(self, x: Numbers, lengths: Numbers | None = None) -> Tensor:
        """Liquid states ``[B, F]`` of the trials ``x`` ``[B, T, C]``; the graph stays as it is.

        ``lengths`` ``[B]`` gives the number of samples of each trial where they differ; samples
        past a trial's length are ignored.

        States are cut from gradients: none flows back to ``x`` or to what made it. To train through
        a reservoir use :class:`~pyngn_graph.TrainableReservoir`.
        """
        probe, _ = self._simulate(x, lengths=lengths, events=False, progress=False)
        return probe.states()

    def split(self, states: Tensor) -> list[Tensor]:
        """Liquid states ``[B, F]`` of a ``Batch`` graph by graph.

        The k-th of them is what :meth:`forward` of a reservoir of the k-th graph alone returns.

        Raises:
            ValueError: If ``states`` are not those of this reservoir.
        """
        sizes = graph_sizes(self._graph)
        if states.dim() != 2 or states.size(1) == 0 or states.size(1) % sum(sizes):
            raise ValueError(
                f"'states' must have shape [B, F], F a multiple of the {sum(sizes)} neurons (got "
                f"{list(states.shape)}); pass what the reservoir returned"
            )
        return split_states(states, sizes)

    @torch.compiler.disable
    def run(
        self,
        x: Numbers | None = None,
        *,
        num_steps: int | None = None,
        lengths: Numbers | None = None,
        record: str | TopologyRecorder | Sequence[str | TopologyRecorder] | None = (),
        every: int = 1,
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 10_000,
    ) -> Recording:
        """Runs the reservoir on a graph that stays as it is, and records it.

        Trials are independent of each other. With a ``checkpoint``, an interrupted run resumes:
        call it again, with the same reservoir, input and arguments, and it continues from the file,
        bit for bit. A finished run returns what the file holds, so that a script of several runs,
        each with a file of its own, may be started again as a whole. The file stays until you
        remove it.

        Args:
            x: Input ``[B, T, C]`` or ``[T, C]``; None runs on the bias alone.
            num_steps: Steps to run without input.
            lengths: Samples of each trial, ``[B]``.
            record: Traces to keep: ``"v"``, ``"i_syn"``, ``"state"`` (the liquid state), or any
                attribute of the graph's nodes, as ``"gain"`` and ``"calcium"``. ``"topology"``, or
                a :class:`~pyngn_graph.history.TopologyRecorder` that says what is measured, keeps
                the history of the graph. None: no more than the states, not even the spikes, for a
                life whose recording nobody looks at.
            every: Keep traces of every ``every``-th step, and measure the topology no more often.
            progress: Show a progress bar; by default on a terminal or in a notebook when the run
                takes longer than a second.
            checkpoint: File that holds the run in flight: graph, fast state, position, generators
                of the glia, and everything recorded so far, which makes up most of its size.
            checkpoint_every: Steps of ``dt`` from one write of it to the next. Trials that run side
                by side count once.

        Raises:
            ValueError, TypeError: If an argument breaks its rule, or the file is damaged or of
                another run. The reservoir stays as it was.
            OSError: If the file cannot be written; the one before it stays whole.
        """
        return self._recorded(
            False, x, num_steps, lengths, record, every, progress, checkpoint, checkpoint_every
        )

    @torch.compiler.disable
    def adapt(
        self,
        x: Numbers | None = None,
        *,
        num_steps: int | None = None,
        lengths: Numbers | None = None,
        record: str | TopologyRecorder | Sequence[str | TopologyRecorder] | None = (),
        every: int = 1,
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 10_000,
    ) -> Recording:
        """Lets the glia reshape :attr:`graph` while the reservoir runs on ``x``, and records it.

        The trials are one stream, in order: each begins as the one before it ended. The recording
        holds their liquid states as well, so that a reservoir may adapt while it predicts.
        Arguments, checkpoints and errors are those of :meth:`run`. A reservoir without glia has a
        life too, but its graph comes out of it as it went in.

        >>> import pyngn_graph as ng
        >>> graph = ng.generators.Tissue(num_nodes=100, seed=0)()
        >>> reservoir = ng.TriglialReservoir(graph, bias=(0.7, 1.1), glia=[ng.Astrocyte()])
        >>> life = reservoir.adapt(num_steps=2000, progress=False)
        >>> life.graph is reservoir.run(num_steps=500, progress=False).graph
        False
        """
        return self._recorded(
            True, x, num_steps, lengths, record, every, progress, checkpoint, checkpoint_every
        )

    def step(self, x_t: Numbers) -> Tensor:
        """Liquid states ``[B, F]`` after one sample ``x_t`` ``[B, C]`` (or ``[C]``: ``[F]``).

        The samples of a stream, one call each, give the bits of one call with all of them. Needs
        ``stateful=True``.

        Raises:
            ValueError, TypeError: If ``x_t`` breaks its rule, or the reservoir is not stateful.
        """
        x_t = as_tensor("x_t", x_t)
        states = self(self._sample(x_t))
        return states if x_t.dim() == 2 else states[0]

    def adapt_step(self, x_t: Numbers) -> Tensor:
        """As :meth:`step`, of one trial, while the glia reshape :attr:`graph`."""
        x_t = as_tensor("x_t", x_t)
        states = self.adapt(self._sample(x_t), progress=False).states
        return states if x_t.dim() == 2 else states[0]

    def _sample(self, x_t: Tensor) -> Tensor:
        if not self.stateful:
            raise ValueError(
                "A step continues from the one before, and this reservoir begins every call anew; "
                "make it with 'reservoir.replace(stateful=True)'"
            )
        if x_t.dim() not in (1, 2):
            raise ValueError(
                f"'x_t' must be one sample [C], or [B, C] of B trials (got {list(x_t.shape)}); "
                f"pass whole trials to the reservoir itself"
            )
        return x_t.unsqueeze(-2) if x_t.dim() == 2 else x_t.view(1, 1, -1)

    def _recorded(
        self,
        learns: bool,
        x: Numbers | None,
        num_steps: int | None,
        lengths: Numbers | None,
        record: str | TopologyRecorder | Sequence[str | TopologyRecorder] | None,
        every: int,
        progress: bool | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_every: int,
    ) -> Recording:
        kept = () if record is None else record
        names = (kept,) if isinstance(kept, str | TopologyRecorder) else tuple(kept)
        probe, data = self._simulate(
            x,
            num_steps=num_steps,
            lengths=lengths,
            record=names,
            every=every,
            events=record is not None,
            progress=progress,
            saved=None if checkpoint is None else (checkpoint, checkpoint_every),
            learns=learns,
        )
        self._readiness.hand_out(self._graph)
        return probe.recording(copy.copy(data))

    def diagnose(self, x: Tensor | None = None, lengths: Tensor | None = None) -> Diagnosis:
        """Says in words whether the last run was dead, saturated, impaired or healthy, and why.

        Given input ``x`` (and ``lengths``), it judges a run of this input with the glia at rest,
        of 100 trials at most; it also measures the rate that the input alone causes, how strong it
        is, and how far noise on it moves the liquid states. The reservoir stays as it was.

        Raises:
            RuntimeError: Without input, before the first run.
        """
        if x is not None:
            check_signal(self._graph, self.in_channels, x, lengths)
        return diagnose(self, self._activity, x, lengths)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the whole reservoir, graph and fast state included, to a safetensors file.

        Raises:
            ValueError: If an attribute of the graph is neither a tensor nor a JSON value.
            OSError: If the file cannot be written; an old one stays as it was.
        """
        graph, values = snapshot.graph_to_parts(self._graph)
        setting, tensors = snapshot.setting_to_parts(self.setting)
        header: dict[str, Any] = {
            "graph": values,
            "setting": setting,
            "in_channels": self.in_channels,
            "input_scale": self.projection.scale,
            "input_density": self.projection.density,
            "seed": self.projection.seed,
        }
        tensors |= storage.with_prefix("graph", graph)
        tensors |= storage.with_prefix("projection", dict(self.projection.named_buffers()))
        fast, header["fast"] = self._fast_parts()
        tensors |= storage.with_prefix("fast", fast)
        storage.write(path, "reservoir", tensors, header)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        glia: Iterable[GlialCell | Transform] | None = None,
        backend: str = "auto",
        threads: int | None = None,
    ) -> "TriglialReservoir":
        """The reservoir that :meth:`save` wrote; it goes on to the same bits.

        Args:
            path: The file.
            glia: The glia, needed where they are of your own making or carry functions of yours:
                no code is read from files.
            backend: The backend to run on.
            threads: See :class:`TriglialReservoir`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is truncated, foreign or newer, or ``glia`` is missing.
        """
        glia = None if glia is None else checked_glia(glia)
        check(backend)
        tensors, header = storage.read(path, "reservoir")
        with storage.reading(path):
            setting = snapshot.setting_from_parts(header["setting"], tensors, glia)
            graph = storage.without_prefix("graph", tensors)
            projection = storage.without_prefix("projection", tensors)
            self = cls(
                snapshot.graph_from_parts(graph, header["graph"]),
                in_channels=header["in_channels"],
                input_scale=header["input_scale"],
                input_density=header["input_density"],
                seed=header["seed"],
                input_weight=projection.get("weight"),
                bias=projection["bias"],
                backend=backend,
                threads=threads,
                **setting,
            )
            fast = storage.without_prefix("fast", tensors)
            found = self._fast(fast, header["fast"], self._graph)
            self._state, self._lived, self._potential = found
            return self

    def get_extra_state(self) -> dict[str, Any]:
        """The living graph and the fast state, for ``state_dict``."""
        tensors, values = snapshot.graph_to_parts(self.graph)
        fast, steps = self._fast_parts()
        return {"tensors": tensors, "values": values, "fast": fast, "t": steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes over the graph and the fast state of a ``state_dict``."""
        graph = snapshot.graph_from_parts(state["tensors"], state["values"])
        fast = self._fast(state.get("fast", {}), state.get("t"), graph)
        self.graph = graph
        self._state, self._lived, self._potential = fast

    def _fast_parts(self) -> tuple[dict[str, Tensor], int | None]:
        """The fast states and the potentials to start from, and the step of the present state."""
        parts = {} if self._potential is None else {"potential": self._potential}
        if self._lived is not None:
            lived, step = snapshot.state_to_parts(self._lived)
            parts |= storage.with_prefix("lived", lived | {"t": torch.tensor(step)})
        if self._state is None:
            return parts, None
        fast, t = snapshot.state_to_parts(self._state)
        return parts | fast, t

    def _fast(
        self, parts: dict[str, Tensor], t: int | None, graph: Data
    ) -> tuple[ReservoirState | None, ReservoirState | None, Tensor | None]:
        """Present state, that of the last life, and potentials, from :meth:`_fast_parts`."""
        state, potential = None, parts.get("potential")
        if t is not None:
            state = snapshot.state_from_parts(parts, t, self.setting, graph)
        lived = storage.without_prefix("lived", parts)
        step = lived.pop("t", None)
        end = None
        if step is not None:
            end = snapshot.state_from_parts(lived, int(step), self.setting, graph)
        if potential is not None and not bool(torch.isfinite(potential).all()):
            raise ValueError("'potential' must be finite; take another copy")
        if potential is not None and potential.shape != self.bias.shape:
            raise ValueError(
                f"'potential' must have shape {list(self.bias.shape)} (got "
                f"{list(potential.shape)}); it belongs to another reservoir"
            )
        return state, end, potential

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Only the device is followed: 'model.half()' must not round weights off their grid.
        warn_of_dtype(self, fn(self.bias.new_empty(0)).dtype)

        def move(value: Tensor) -> Tensor:
            return value.to(fn(value.new_empty(0)).device)

        super()._apply(move, recurse)  # type: ignore[no-untyped-call]
        self._graph = self._graph.apply(move)
        self._potential = None if self._potential is None else move(self._potential)
        self._state, self._lived = (
            None if state is None else state.moved(move) for state in (self._state, self._lived)
        )
        return self

    def extra_repr(self) -> str:
        """The graph and every parameter; those of the input stand with the projection."""
        return ",\n".join(f"{name}={value}" for name, value in self._facts().items())

    def _facts(self) -> dict[str, str]:
        number_of_graphs = len(graph_sizes(self._graph))
        parts = f" in {number_of_graphs} graphs" if number_of_graphs > 1 else ""
        facts = {"graph": f"{self._graph.num_nodes} neurons, {self._graph.num_edges} edges{parts}"}
        facts |= {name: repr(getattr(self.setting, name)) for name in SETTINGS}
        return facts | {"backend": repr(self.backend)}

    def _repr_html_(self) -> str:
        facts = self._facts() | {"input": self.projection.extra_repr()}
        if self._activity is not None:
            facts["last run"] = str(self.diagnose())
        return card(type(self).__name__, facts)

    def _simulate(
        self,
        x: Numbers | None,
        *,
        num_steps: int | None = None,
        lengths: Numbers | None = None,
        record: tuple[str | TopologyRecorder, ...] = (),
        every: int = 1,
        events: bool = True,
        progress: bool | None = None,
        saved: tuple[str | os.PathLike[str], int] | None = None,
        learns: bool = False,
    ) -> tuple[Probe, Data]:
        with self._readiness.among_ourselves():
            check_signal(self._graph, self.in_channels, x, lengths)
            warn_of_signal(self, x)
        graph = self._readiness.of(self._graph)  # which may have been edited by hand
        x, samples = self.projection.checked(x, num_steps, lengths)
        self._check_potentials(graph, x)
        hold = self.setting.hold if num_steps is None else 1
        if self.setting.stateful and not learns and bool((samples != x.size(1)).any()):
            raise ValueError(
                f"A stateful reservoir runs on from where its trials ended, so that 'lengths' must "
                f"all be {x.size(1)}, the samples of 'x' (got {samples.tolist()}); cut the input"
            )
        synaptic = self.setting.neuron.tau_syn is not None
        traces, log = asked(record, every, graph, synaptic, saved is not None)
        probe = Probe(
            samples * hold, graph.num_nodes, self.setting.pool, traces, every, events, log
        )
        state = self._start(learns)
        simulation = Simulation(
            self.setting,
            self.projection,
            graph,
            learns,
            state,
            self._potential,
            spread=state is not self._state,
        )
        if log is not None:
            log.begin(simulation.data)
        checkpoint = None
        if saved is not None:
            which = identity(
                self.setting,
                self.projection,
                graph,
                state,
                self._potential,
                learns,
                x,
                samples,
                hold,
                traces,
                every,
            )
            checkpoint = Checkpoint(*saved, which, self.glia)
        simulation.run(x, samples, hold, probe, progress, checkpoint)
        steps = int(samples.sum()) * hold
        bins = binned(probe, self.setting.dt, graph_sizes(self._graph))
        self._activity = Activity(probe.counts, steps, bins, learns)
        if self.setting.stateful:
            self._state = simulation.state
        data = registered(simulation.data)
        if learns:
            self._graph = data
            if self.setting.start == "lived":
                self._lived = simulation.state
        with self._readiness.among_ourselves():
            warn_if_ill(self, self._activity, x)
        return probe, data

    def _start(self, learns: bool) -> ReservoirState | None:
        """The fast state from which a call begins; None for rest."""
        if self._state is not None or self._potential is not None or self.setting.start == "rest":
            return self._state
        if self._lived is None and not learns:
            raise RuntimeError(
                "start='lived' begins a trial where the last life ended, and there was none on "
                "this graph; call 'adapt(x)' first, or make the reservoir with start='rest'"
            )
        return self._lived

    def _check_potentials(self, data: Data, x: Tensor | None) -> None:
        """Refuses a graph, or an input, that may let potentials overflow."""
        gains = [
            getattr(cell, "max_gain", 0.0)
            for k in range(len(graph_sizes(data)))
            for cell in self.setting.glia_of(k)
        ]
        gain = max([largest_size(data.gain) if "gain" in data else 1.0, *gains])
        start = largest_size(getattr(self, "_potential", None))
        current = self.projection.largest_current(x)
        check_potentials(self.setting.neuron, self.setting.dt, data, gain, current, start)
