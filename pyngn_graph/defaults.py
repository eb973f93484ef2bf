"""Defaults that generators, cells, neurons, recipes, estimators and the command share."""

DEGREE = 4.0
"""Mean number of inputs per neuron."""

TAU_M = 20.0
"""Membrane time constant, ms."""

LONGEST = 100
"""Longest delay that is drawn, or that oligodendrocytes give, steps."""

RHO = 0.02
"""Target of the astrocytes, spikes per step: 20 Hz at 1 ms."""

POOL = 4
"""Segments of a trial of which recipes and estimators read the mean states."""

LIFE = 40_000.0
"""Longest life on unlabeled data, ms: enough for every cell to settle."""
