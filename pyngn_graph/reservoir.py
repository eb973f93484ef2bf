"""The reservoir: a living graph, its neurons and glia, as a PyTorch module."""

import copy
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from numbers import Integral
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from pyngn_graph import snapshot, storage
from pyngn_graph.backends import resolve
from pyngn_graph.card import card
from pyngn_graph.diagnosis import Diagnosis, binned, diagnose, external_rate
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import MAX_DELAY, prepare, validate
from pyngn_graph.history import TopologyLog, TopologyRecorder
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.projection import Projection
from pyngn_graph.recording import Probe, Recording
from pyngn_graph.simulation import Setting, Simulation, Transform
from pyngn_graph.state import ReservoirState

SETTINGS = [field.name for field in fields(Setting)]
TOPOLOGY = "topology"


class TriglialReservoir(nn.Module):
    r"""A spiking reservoir on a graph that three kinds of glia reshape while it runs (3GSNN-LSM).

    At step t, over every edge :math:`j \to i` with weight w, delay D and mask M,

    .. math::
        a_i(t) &= \sum_j M_{ji} w_{ji} s_j(t - D_{ji}) \\
        u_i &\leftarrow u_{rest} + \alpha (u_i - u_{rest}) + (1 - \alpha) R I_{ext,i}(t)
            + \gamma_i(t) a_i(t)

    Neurons, calcium and gain step every ``dt``; delays and wiring change every ``glia_period``
    steps of a life. In ``train()`` mode the glia are at work and the trials of a call are one
    stream, in order; in ``eval()`` mode the graph is frozen and trials are independent. The fast
    state (potentials, spikes under way, traces) starts anew at each call unless ``stateful``; the
    slow state lives on :attr:`graph` and stays. Sums of spikes are exact, so that every backend
    gives the same bits.

    Args:
        graph: A graph that passes :func:`pyngn_graph.validate`; it is copied.
        in_channels: Channels of the input, which a fixed random projection spreads over the
            neurons. ``None``: the input is the current into every neuron.
        neuron: Parameters of the neurons.
        glia: Glial cells, and plain ``Data -> Data`` transforms, in the order of their action.
            Transforms are called every ``glia_period`` steps.
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
        backend: ``"auto"`` or the name of a backend.
        threads: Threads over which independent trials are spread; by default as many as torch
            uses (``torch.get_num_threads()``). A single trial, as all of training is, runs on one.
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

    def __init__(
        self,
        graph: Data,
        in_channels: int | None = None,
        neuron: LIFParameters | None = None,
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
        backend: str = "auto",
        threads: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        data = prepare(graph, max_delay=max_delay)
        if "dt" in graph and data.dt != dt:
            raise ValueError(
                f"The delays of the graph count steps of {data.dt} ms but dt = {dt}; "
                f"pass dt={data.dt} or build the graph with dt={dt}"
            )
        data.dt = float(dt)
        self.setting = Setting(
            neuron=LIFParameters() if neuron is None else neuron,
            glia=_as_tuple(glia),
            dt=data.dt,
            glia_period=glia_period,
            hold=hold,
            pool=pool,
            tau_trace=tau_trace,
            in_flight=in_flight,
            max_delay=max_delay,
            stateful=stateful,
            backend=backend,
            threads=threads,
        )
        self.setting.neuron.check_size(data.num_nodes)
        self.setting.neuron.at(dt, torch.zeros(data.num_nodes, 1))
        self.projection = Projection(
            data.num_nodes, in_channels, input_scale, input_density, input_weight, bias, seed
        )
        self._graph = self.setting.prepared(data)
        for cell in self.setting.cells:
            if cell.longest_delay(data) > max_delay:
                raise ValueError(
                    f"{cell!r} may set delays of {cell.longest_delay(data)} steps, beyond "
                    f"max_delay = {max_delay} of the reservoir; raise it or restrict the cell"
                )
        self._state: ReservoirState | None = None
        self._potential: Tensor | None = None
        self._activity: tuple[Tensor, int, Tensor] | None = None

    @property
    def graph(self) -> Data:
        """The living graph, with everything the glia have written to it.

        Assign a graph to go on with it, say after a lesion; it is checked and copied, and the fast
        state is forgotten.
        """
        return self._graph

    @graph.setter
    def graph(self, graph: Data) -> None:
        data = prepare(graph, max_delay=self.setting.max_delay)
        if data.num_nodes != self._graph.num_nodes or data.dt != self.setting.dt:
            raise ValueError(
                f"The graph must keep the {self._graph.num_nodes} neurons and dt = "
                f"{self.setting.dt} of the reservoir (got {data.num_nodes}, {data.dt}); build a "
                f"new reservoir for another"
            )
        self._graph = self.setting.prepared(data)
        self._state = self._potential = None

    @property
    def glia(self) -> tuple[GlialCell | Transform, ...]:
        """The glia, in the order of their action."""
        return self.setting.glia

    @property
    def backend(self) -> str:
        """The backend in use, ``"auto"`` resolved."""
        return resolve(self.setting.backend)

    @property
    def in_channels(self) -> int | None:
        """Channels of the input, or None if it drives the neurons directly."""
        return self.projection.in_channels

    @property
    def input_weight(self) -> Tensor | None:
        """The input projection ``[N, C]``, or None."""
        return self.projection.weight

    @property
    def bias(self) -> Tensor:
        """The constant current into every neuron, ``[N]``."""
        return self.projection.bias

    def reset(self, v: Tensor | float | None = None) -> None:
        """Forgets the fast state; ``v`` (a number or ``[N]``) sets the potentials to start from.

        Raises:
            ValueError: If ``v`` has the wrong shape or is not finite.
        """
        if v is not None:
            v = torch.as_tensor(v, dtype=torch.float32, device=self.bias.device)
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

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Liquid states ``[B, F]`` of the trials ``x`` ``[B, T, C]``.

        ``lengths`` ``[B]`` gives the number of samples of each trial where they differ; what
        stands behind is ignored. In train mode the glia learn from the call.
        """
        return self._simulate(x, None, lengths, (), 1, False, False)[0].states()

    def run(
        self,
        x: Tensor | None = None,
        *,
        num_steps: int | None = None,
        lengths: Tensor | None = None,
        record: str | TopologyRecorder | Sequence[str | TopologyRecorder] = (),
        every: int = 1,
        progress: bool | None = None,
    ) -> Recording:
        """Runs the reservoir and takes down what happens.

        Args:
            x: Input ``[B, T, C]`` or ``[T, C]``; None runs on the bias alone.
            num_steps: Steps to run without input.
            lengths: Samples of each trial, ``[B]``.
            record: Traces to keep: ``"v"``, ``"i_syn"``, ``"state"`` (the liquid state), or any
                attribute of the graph's nodes, as ``"gain"`` and ``"calcium"``. ``"topology"``, or
                a :class:`~pyngn_graph.history.TopologyRecorder` that says what is measured, keeps
                the history of the graph.
            every: Keep traces of every ``every``-th step, and measure the topology no more often.
            progress: Show a progress bar; by default on a terminal or in a notebook when the run
                takes longer than a second.
        """
        names = (record,) if isinstance(record, str | TopologyRecorder) else tuple(record)
        probe, data = self._simulate(x, num_steps, lengths, names, every, True, progress)
        return probe.recording(copy.copy(data))

    def diagnose(self, x: Tensor | None = None, lengths: Tensor | None = None) -> Diagnosis:
        """Says in words whether the last run was dead, saturated or healthy, and what to change.

        Given input ``x`` (and ``lengths``), it also measures the rate that this input alone
        causes, and compares it with the target of the astrocytes.

        Raises:
            RuntimeError: Before the first run.
        """
        if self._activity is None:
            raise RuntimeError("Nothing to diagnose yet; call 'run' or the reservoir itself first")
        external = None if x is None else external_rate(self, x, lengths)
        setting = self.setting
        return diagnose(
            self._graph,
            self.glia,
            setting.neuron,
            self.bias,
            setting.dt,
            *self._activity,
            external=external,
        )

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
            "training": self.training,
        }
        tensors |= storage.with_prefix("graph", graph)
        tensors |= storage.with_prefix("projection", dict(self.projection.named_buffers()))
        if self._state is not None:
            fast, header["t"] = snapshot.state_to_parts(self._state)
            tensors |= storage.with_prefix("state", fast)
        if self._potential is not None:
            tensors["potential"] = self._potential
        storage.write(path, tensors, header)

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
        tensors, header = storage.read(path)
        setting = snapshot.setting_from_parts(header["setting"], tensors, glia)
        projection = storage.without_prefix("projection", tensors)
        self = cls(
            snapshot.graph_from_parts(storage.without_prefix("graph", tensors), header["graph"]),
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
        if "t" in header:
            fast = storage.without_prefix("state", tensors)
            self._state = snapshot.state_from_parts(fast, header["t"])
        self._potential = tensors.get("potential")
        return self.train(header["training"])

    def get_extra_state(self) -> dict[str, Any]:
        """The living graph, for ``state_dict``."""
        tensors, values = snapshot.graph_to_parts(self._graph)
        return {"tensors": tensors, "values": values}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes over the graph of a ``state_dict``."""
        self.graph = snapshot.graph_from_parts(state["tensors"], state["values"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Only the device is followed: 'model.half()' must not round weights off their grid.
        def move(value: Tensor) -> Tensor:
            return value.to(fn(value.new_empty(0)).device)

        super()._apply(move, recurse)  # type: ignore[no-untyped-call]
        self._graph = self._graph.apply(move)
        self._potential = None if self._potential is None else move(self._potential)
        self._state = None if self._state is None else self._state.moved(move)
        return self

    def extra_repr(self) -> str:
        """The graph and every parameter; those of the input stand with the projection."""
        return ",\n".join(f"{name}={value}" for name, value in self._facts().items())

    def _facts(self) -> dict[str, str]:
        facts = {"graph": f"{self._graph.num_nodes} neurons, {self._graph.num_edges} edges"}
        facts |= {name: repr(getattr(self.setting, name)) for name in SETTINGS}
        return facts | {"backend": repr(self.backend)}

    def _repr_html_(self) -> str:
        mode = "at work" if self.training and self.glia else "at rest"
        facts = self._facts() | {"input": self.projection.extra_repr(), "glia now": mode}
        if self._activity is not None:
            facts["last run"] = str(self.diagnose())
        return card(type(self).__name__, facts)

    def _simulate(
        self,
        x: Tensor | None,
        num_steps: int | None,
        lengths: Tensor | None,
        record: tuple[str | TopologyRecorder, ...],
        every: int,
        events: bool,
        progress: bool | None,
    ) -> tuple[Probe, Data]:
        if not isinstance(every, Integral) or every < 1:
            raise ValueError(f"'every' must be a whole number of steps >= 1 (got {every!r})")
        validate(self._graph, max_delay=self.setting.max_delay)  # it may have been edited by hand
        x, samples = self.projection.checked(x, num_steps, lengths)
        hold = self.setting.hold if num_steps is None else 1
        learns = self.training and bool(self.glia)
        if self.setting.stateful and not learns and bool((samples != x.size(1)).any()):
            raise ValueError(
                f"A stateful reservoir runs on from where its trials ended, so that 'lengths' must "
                f"all be {x.size(1)}, the samples of 'x' (got {samples.tolist()}); cut the input"
            )
        traces = tuple(name for name in record if isinstance(name, str) and name != TOPOLOGY)
        self._check_record(traces)
        log = _log(record, every)
        probe = Probe(
            samples * hold, self._graph.num_nodes, self.setting.pool, traces, every, events, log
        )
        simulation = Simulation(
            self.setting, self.projection, self._graph, learns, self._state, self._potential
        )
        if log is not None:
            log.begin(simulation.data)
        simulation.run(x, samples, hold, probe, progress)
        steps = int(samples.sum()) * hold
        self._activity = (probe.counts, steps, binned(probe, self.setting.dt))
        if self.setting.stateful:
            self._state = simulation.state
        if learns:
            self._graph = simulation.data
        return probe, simulation.data

    def _check_record(self, names: tuple[str, ...]) -> None:
        data = self._graph
        known = ["v", "state", TOPOLOGY] + (
            ["i_syn"] if self.setting.neuron.tau_syn is not None else []
        )
        known += [
            key
            for key, value in data.to_dict().items()
            if isinstance(value, Tensor) and value.shape == (data.num_nodes,) and "edge" not in key
        ]
        for name in names:
            if name not in known:
                raise ValueError(f"Cannot record {name!r}; available here: {known}")


def _log(record: tuple[str | TopologyRecorder, ...], every: int) -> TopologyLog | None:
    """An empty log, if the topology is to be recorded."""
    asked = [name for name in record if isinstance(name, TopologyRecorder) or name == TOPOLOGY]
    if len(asked) > 1:
        raise ValueError(f"The topology can be recorded once (got {asked}); drop one of them")
    recorders = [TopologyRecorder() if isinstance(name, str) else name for name in asked]
    return TopologyLog(recorders[0], every) if recorders else None


def _as_tuple(glia: Iterable[GlialCell | Transform]) -> tuple[GlialCell | Transform, ...]:
    if isinstance(glia, str) or not isinstance(glia, Iterable):
        raise TypeError(f"'glia' must be a list of cells (got {glia!r}); write 'glia=[...]'")
    return tuple(glia)
