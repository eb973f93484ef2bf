"""What a recipe says: a tissue, its glia, and how input and readout meet it."""

import math
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.data import Data

from pyngn_graph.checks import check_count, is_count
from pyngn_graph.defaults import DEGREE, LIFE, LONGEST, POOL, RHO, TAU_M
from pyngn_graph.generators import Tissue
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.glia.oligodendrocyte import DelayRule
from pyngn_graph.glia.pruning import Criterion
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.receptive import FIELDS
from pyngn_graph.recipes.printed import code, differing
from pyngn_graph.reservoir import TriglialReservoir

GLIA = ("astrocyte", "oligodendrocyte", "microglia")
"""The three kinds of glia, in the order of their action."""

IMPORTS = """\
from pyngn_graph import LIFParameters, TriglialReservoir
from pyngn_graph.generators import Tissue
from pyngn_graph.glia import *
"""


@dataclass(frozen=True, repr=False)
class Recipe:
    """Everything that makes a reservoir but its seed; ``print`` shows it as code.

    Attributes:
        num_nodes: Number of neurons, on a cubic lattice.
        degree: Mean number of inputs per neuron before pruning.
        weight: Mean excitatory weight, in units of the threshold.
        tau_m: Membrane time constant, ms.
        delay: Delays at birth: from ``"distance"``, or drawn up to ``max_delay``, ``"uniform"`` or
            ``"sqrt"`` (see :class:`~pyngn_graph.generators.SpatialGenerator`).
        max_delay: Longest delay that is drawn, and that oligodendrocytes give, ms.
        glia: Which glia are at work, of ``GLIA``.
        rho: Target of the astrocytes, spikes per step of 1 ms.
        rule: Rule of the oligodendrocytes.
        criterion: Criterion of the microglia.
        keep: Share of the edges at which microglia stop pruning; None for that of the criterion.
        trials: Unlabeled training trials on which the glia organize the graph, at most.
        life: Longest time for which they do, ms: fewer trials if they are long, and only the
            beginning of one that lasts longer than that by itself. None: no limit.
        hold: Time for which each sample of the input is held, ms.
        receptive: Name of the fields through which neurons see the input, of
            :data:`pyngn_graph.receptive.FIELDS`; None for a random projection.
        frame: Size of what the fields see: (height, width), for events also the number of
            polarities; (height,) for columns.
        input_scale: Standard deviation of the current into a neuron when all channels have unit
            variance: of fields, the norm.
        input_density: Share of the neurons that each channel of a random projection reaches.
        bias: Bounds of the constant current, which is uniform.
        pool: What is read out: ``"last"``, the state at the end of a trial, or its means over so
            many segments.
        read: How many of the last segments are read; None for all.
        tau_trace: Time constant of the liquid state, ms; 0 for mean numbers of spikes.
        normalized: Whether the features of each trial are scaled to unit length.
        start: Where a trial begins: ``"rest"``, or ``"lived"``, as the life with glia ended.
    """

    num_nodes: int = 1000
    degree: float = DEGREE
    weight: float = 0.2
    tau_m: float = TAU_M
    delay: str = "distance"
    max_delay: int = LONGEST
    glia: tuple[str, ...] = GLIA
    rho: float = RHO
    rule: str | DelayRule = "graded"
    criterion: str | Criterion = "relative"
    keep: float | None = 0.35
    trials: int = 250
    life: float | None = LIFE
    hold: int = 10
    receptive: str | None = None
    frame: tuple[int, ...] = ()
    input_scale: float = 1.0
    input_density: float = 1.0
    bias: tuple[float, float] = (0.7, 1.1)
    pool: str | int = POOL
    read: int | None = None
    tau_trace: float = 20.0
    normalized: bool = False
    start: str = "rest"

    def __post_init__(self) -> None:
        if isinstance(self.glia, str):
            raise ValueError(f"'glia' must be names (got {self.glia!r}); pass ({self.glia!r},)")
        for field in fields(self):  # numbers of NumPy, and lists, which files have for tuples
            name, value = field.name, getattr(self, field.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
            several = name in ("glia", "frame") or (name == "bias" and np.shape(value) == (2,))
            if several and isinstance(value, list | np.ndarray):
                object.__setattr__(self, name, tuple(np.asarray(value).tolist()))
        unknown = sorted(set(self.glia) - set(GLIA))
        if unknown:
            raise ValueError(f"Unknown glia {unknown}; available: {list(GLIA)}")
        if self.receptive is not None and self.receptive not in FIELDS:
            raise ValueError(
                f"Unknown receptive fields {self.receptive!r}; available: {sorted(FIELDS)}, or None"
            )
        check_count("trials", self.trials)
        if self.life is not None and not (
            isinstance(self.life, Real)
            and not isinstance(self.life, bool)
            and 0.0 < self.life < math.inf
        ):
            raise ValueError(
                f"'life' must be a positive number of ms, or None for no limit (got {self.life!r})"
            )
        segments = 1 if isinstance(self.pool, str) else self.pool
        if self.read is not None and not (is_count(self.read) and self.read <= segments):
            raise ValueError(
                f"'read' must lie in 1..{segments}, the segments of pool = {self.pool!r}, or be "
                f"None for all (got {self.read})"
            )

    def bare(self) -> Self:
        """The same recipe without glia: the control."""
        return replace(self, glia=())

    @property
    def needs_life(self) -> bool:
        """Whether a reservoir adapts before it is read: for its glia, or for its ``start``."""
        return bool(self.glia) or self.start == "lived"

    def tissue(self, seed: int = 0) -> Data:
        """The graph before any glia are at work."""
        return Tissue(**self._tissue(), seed=seed)()

    def cells(self, seed: int = 0) -> list[GlialCell]:
        """The glia, in the order of their action."""
        cells: dict[str, GlialCell] = {
            "astrocyte": Astrocyte(rho=self.rho),
            "oligodendrocyte": Oligodendrocyte(rule=self.rule, max_delay=self.max_delay),
            "microglia": Microglia(criterion=self.criterion, keep=self.keep, seed=seed),
        }
        return [cells[name] for name in GLIA if name in self.glia]

    def input_weight(self, graph: Data, seed: int = 0) -> Tensor | None:
        """The receptive fields ``[N, C]`` of the neurons of ``graph``; None if there are none."""
        if self.receptive is None:
            return None
        return FIELDS[self.receptive](graph.pos, *self.frame, scale=self.input_scale, seed=seed)

    def reservoir(
        self, in_channels: int, seed: int = 0, graph: Data | None = None
    ) -> TriglialReservoir:
        """A new reservoir of this recipe, on ``graph`` instead of its tissue if one is given."""
        graph = self.tissue(seed) if graph is None else graph
        return TriglialReservoir(
            graph,
            in_channels=in_channels,
            input_weight=self.input_weight(graph, seed),
            glia=self.cells(seed),
            seed=seed,
            **self._reservoir(),
        )

    def lived(self, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Which of the trials of ``lengths`` ``[B]`` samples the glia see, and how far.

        They are random: ``trials`` of them, or as many as fit into ``life``, at least one.

        Returns:
            The trials, in order, and the samples of each that are seen.
        """
        chosen = torch.randperm(len(lengths), generator=generator)[: self.trials]
        samples = lengths[chosen]
        if self.life is None:
            return chosen, samples
        most = max(1, int(self.life / self.hold))  # the clock of a recipe has steps of 1 ms
        fit = max(1, int((samples.cumsum(0) <= most).sum()))
        return chosen[:fit], samples[:fit].clamp(max=most)

    def features(self, states: Tensor) -> Tensor:
        """What the readout gets of the liquid states ``[B, F]``: see ``read``, ``normalized``."""
        if self.read is not None:
            segments = 1 if isinstance(self.pool, str) else self.pool
            states = states[:, states.size(1) // segments * (segments - self.read) :]
        return normalize(states, dim=1) if self.normalized else states

    def _tissue(self) -> dict[str, Any]:
        shared = {"num_nodes": self.num_nodes, "degree": self.degree, "weight": self.weight}
        if self.delay == "distance":
            return shared
        return shared | {"delay": self.delay, "max_delay": self.max_delay}

    def _reservoir(self) -> dict[str, Any]:
        scaling = {"input_scale": self.input_scale, "input_density": self.input_density}
        return {
            "neuron": LIFParameters(tau_m=self.tau_m, t_ref=2.0, v_min=-2.0),
            "hold": self.hold,
            **(scaling if self.receptive is None else {}),
            "bias": self.bias,
            "pool": self.pool,
            "tau_trace": self.tau_trace,
            "start": self.start,
        }

    def __repr__(self) -> str:
        """Code that makes the recipe: what differs from the defaults."""
        return code(self)

    def __str__(self) -> str:
        """Code that builds :meth:`reservoir`, for as many channels and the seed it begins with."""
        channels = 1 if self.receptive is None else math.prod(self.frame)
        tissue = code(Tissue(**self._tissue()), seed="seed")
        shown = {"in_channels": "in_channels", "glia": "glia", "seed": "seed"}
        lines = [
            IMPORTS,
            f"in_channels, seed = {channels}, 0  # of your input; any",
            f"graph = {tissue}()",
        ]
        if self.receptive is not None:
            fields = [*map(str, self.frame), f"scale={self.input_scale}", "seed=seed"]
            lines[0] += "from pyngn_graph.receptive import FIELDS\n"
            lines.append(
                f"input_weight = FIELDS[{self.receptive!r}](graph.pos, {', '.join(fields)})"
            )
            shown["input_weight"] = "input_weight"
        lines += ["glia = [", *(f"    {_seeded(cell)}," for cell in self.cells()), "]"]
        options = differing(TriglialReservoir, self._reservoir())
        if self.bias == Recipe.bias:  # that of any reservoir with a projection
            del options["bias"]
        shown |= {name: code(value) for name, value in options.items()}
        lines += ["reservoir = TriglialReservoir(", "    graph,"]
        lines += [f"    {name}={value}," for name, value in shown.items()]
        return "\n".join([*lines, ")"])


def _seeded(cell: GlialCell) -> str:
    return code(cell, seed="seed") if "seed" in cell.config() else code(cell)
