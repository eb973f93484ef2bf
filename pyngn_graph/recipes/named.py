"""The recipes by name: which parameters a task wants, and why."""

from collections.abc import Callable

from pyngn_graph.glia import Coherence, Winner
from pyngn_graph.recipes.recipe import Recipe

LONG = 150_000.0
"""A life that some recipes need for all of their trials, ms."""


def self_organizing() -> Recipe:
    """A tissue whose glia set gain, delays and density by themselves, whatever its weights."""
    return Recipe(degree=8.0, tau_m=30.0, pool="last")


def memory() -> Recipe:
    """Long memory: winners among many inputs, chosen for long delays, make chains of delays."""
    return Recipe(
        degree=16.0,
        tau_m=30.0,
        max_delay=200,
        rule=Coherence(shape=2.0),
        criterion=Winner(long_delay=0.5),
        keep=None,
        pool="last",
    )


def image_classifier() -> Recipe:
    """Still images ``[B, 1, 784]`` in [0, 1], seen through Gabor fields for 40 ms."""
    return Recipe(
        degree=4.0,
        weight=0.1,
        tau_m=30.0,
        delay="uniform",
        max_delay=20,
        glia=("astrocyte",),
        rho=0.04,
        hold=40,
        receptive="gabor_sizes",
        frame=(28, 28),
        input_scale=5.0,
        bias=(0.8, 1.2),
        pool=1,
        tau_trace=0.0,
        normalized=True,
    )


def image_columns() -> Recipe:
    """Images ``[B, 28, 28]`` column by column, 4 ms each; read in the last 28 ms only.

    The memory must live in the liquid: oligodendrocytes spread the delays that distance gave.
    """
    return Recipe(
        degree=4.0,
        tau_m=30.0,
        glia=("astrocyte", "oligodendrocyte"),
        rho=0.06,
        trials=500,
        life=LONG,
        hold=4,
        receptive="columns",
        frame=(28,),
        input_scale=12.0,
        pool=4,
        read=1,
        tau_trace=0.0,
    )


def event_classifier() -> Recipe:
    """Frames of 5 ms of a camera of 34 x 34 pixels, ON and OFF: ``[B, T, 2312]``, numbers."""
    return Recipe(
        degree=4.0,
        weight=0.1,
        tau_m=30.0,
        delay="uniform",
        max_delay=20,
        glia=("astrocyte",),
        life=LONG,
        hold=5,
        receptive="gabor_sizes",
        frame=(34, 34, 2),
        input_scale=12.0,
        bias=(0.5, 1.0),
        pool=3,
        tau_trace=0.0,
    )


def series_classifier() -> Recipe:
    """Short series of a dozen standardized channels, 20 ms a sample: counts in three segments."""
    return Recipe(
        degree=5.0,
        tau_m=30.0,
        glia=("astrocyte",),
        life=LONG,
        hold=20,
        input_scale=3.0,
        input_density=0.5,
        pool=3,
        tau_trace=0.0,
    )


def digits_by_rows() -> Recipe:
    """Images read row by row: delays as long as an image, states of four segments.

    An image lasts as long as the longest delays, so each trial begins where life ended: from rest
    it would be over before the liquid reaches the rate at which it lived.
    """
    return Recipe(degree=8.0, tau_m=30.0, max_delay=80, pool=4, start="lived")


def spoken_digits() -> Recipe:
    """Filter bank of spoken words: 500 neurons, states of five segments; winners only are kept."""
    return Recipe(
        num_nodes=500,
        degree=8.0,
        tau_m=30.0,
        criterion="winner",
        keep=None,
        trials=100,
        life=LONG,
        input_scale=2.0,
        input_density=0.6,
        pool=5,
    )


def spoken_digits_at_end() -> Recipe:
    """The same, read at the end of the word only: the memory must live in the liquid."""
    return Recipe(
        num_nodes=500,
        degree=4.0,
        tau_m=30.0,
        max_delay=300,
        rho=0.03,
        trials=150,
        life=LONG,
        input_scale=2.0,
        input_density=0.6,
        pool="last",
        tau_trace=60.0,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (
        self_organizing,
        memory,
        image_classifier,
        image_columns,
        event_classifier,
        series_classifier,
        spoken_digits,
        spoken_digits_at_end,
        digits_by_rows,
    )
}
"""All recipes by name."""
