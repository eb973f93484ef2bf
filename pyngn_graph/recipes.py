"""Named configurations to start from: a tissue, its glia, and how input and readout meet it."""

from dataclasses import dataclass, replace
from typing import Self

from torch_geometric.data import Data

from pyngn_graph.generators import Tissue
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.reservoir import TriglialReservoir

GLIA = ("astrocyte", "oligodendrocyte", "microglia")
"""The three kinds of glia, in the order of their action."""


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a reservoir but its seed.

    Attributes:
        num_nodes: Number of neurons, on a cubic lattice.
        degree: Mean number of inputs per neuron before pruning.
        weight: Mean excitatory weight, in units of the threshold.
        glia: Which glia are at work, of ``GLIA``.
        rho: Target of the astrocytes, spikes per step of 1 ms.
        max_delay: Longest delay that oligodendrocytes give, ms.
        keep: Share of the edges at which microglia stop pruning.
        hold: Time for which each sample of the input is held, ms.
        input_density: Share of the neurons that each channel reaches.
        pool: What is read out: ``"last"``, the state at the end of a trial, or its means over so
            many segments.
        tau_trace: Time constant of the liquid state, ms.
        trials: Unlabeled training trials on which the glia organize the graph.
    """

    num_nodes: int = 1000
    degree: float = 8.0
    weight: float = 0.2
    glia: tuple[str, ...] = GLIA
    rho: float = 0.02
    max_delay: int = 100
    keep: float = 0.35
    hold: int = 10
    input_density: float = 1.0
    pool: str | int = "last"
    tau_trace: float = 20.0
    trials: int = 250

    def __post_init__(self) -> None:
        unknown = sorted(set(self.glia) - set(GLIA))
        if unknown:
            raise ValueError(f"Unknown glia {unknown}; available: {list(GLIA)}")

    def bare(self) -> Self:
        """The same recipe without glia: the control."""
        return replace(self, glia=())

    def tissue(self, seed: int = 0) -> Data:
        """The graph before any glia are at work."""
        return Tissue(num_nodes=self.num_nodes, degree=self.degree, weight=self.weight, seed=seed)()

    def cells(self, seed: int = 0) -> list[GlialCell]:
        """The glia, in the order of their action."""
        cells: dict[str, GlialCell] = {
            "astrocyte": Astrocyte(rho=self.rho, rule="multiplicative"),
            "oligodendrocyte": Oligodendrocyte(max_delay=self.max_delay),
            "microglia": Microglia(keep=self.keep, seed=seed),
        }
        return [cells[name] for name in GLIA if name in self.glia]

    def reservoir(self, in_channels: int, seed: int = 0) -> TriglialReservoir:
        """A new reservoir of this recipe."""
        return TriglialReservoir(
            self.tissue(seed),
            in_channels=in_channels,
            neuron=LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
            glia=self.cells(seed),
            hold=self.hold,
            input_density=self.input_density,
            pool=self.pool,
            tau_trace=self.tau_trace,
            seed=seed,
        )


def self_organizing() -> Recipe:
    """A tissue whose glia set gain, delays and density by themselves, whatever its weights."""
    return Recipe()


def digits_by_rows() -> Recipe:
    """Images read row by row: delays as long as an image, states of four segments."""
    return Recipe(max_delay=80, pool=4)


def spoken_digits() -> Recipe:
    """Filter bank of spoken words: 500 neurons, states of five segments."""
    return Recipe(num_nodes=500, input_density=0.3, pool=5, trials=100)


def spoken_digits_at_end() -> Recipe:
    """The same, read at the end of the word only: the memory must live in the liquid."""
    return Recipe(
        num_nodes=500,
        input_density=0.3,
        max_delay=200,
        tau_trace=40.0,
        trials=150,
    )


RECIPES = {
    "self_organizing": self_organizing,
    "digits_by_rows": digits_by_rows,
    "spoken_digits": spoken_digits,
    "spoken_digits_at_end": spoken_digits_at_end,
}
"""All recipes by name."""
