"""What a run is asked to take down: traces of neurons, and the history of the graph."""

from collections.abc import Sequence

from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.checks import is_count
from pyngn_graph.history import TopologyLog, TopologyRecorder

TOPOLOGY = "topology"


def asked(
    record: Sequence[str | TopologyRecorder],
    every: int,
    data: Data,
    synaptic: bool,
    checkpoint: bool,
) -> tuple[tuple[str, ...], TopologyLog | None]:
    """The traces to keep, and an empty log if the topology is to be recorded.

    Args:
        record: See :meth:`pyngn_graph.TriglialReservoir.run`.
        every: Likewise.
        data: The graph.
        synaptic: Whether neurons have a synaptic current.
        checkpoint: Whether the run is written to a file.

    Raises:
        ValueError: If one of them breaks its rule.
    """
    if not is_count(every):
        raise ValueError(f"'every' must be a whole number of steps >= 1 (got {every!r})")
    known = ["v", "state", TOPOLOGY] + (["i_syn"] if synaptic else [])
    known += [
        key
        for key, value in data.to_dict().items()
        if isinstance(value, Tensor) and value.shape == (data.num_nodes,) and "edge" not in key
    ]
    for name in record:
        if not isinstance(name, TopologyRecorder) and name not in known:
            raise ValueError(f"Cannot record {name!r}; available here: {known}")
    traces = tuple(name for name in record if isinstance(name, str) and name != TOPOLOGY)
    histories = [name for name in record if isinstance(name, TopologyRecorder) or name == TOPOLOGY]
    if not histories:
        return traces, None
    if len(histories) > 1:
        raise ValueError(f"The topology can be recorded once (got {histories}); drop one of them")
    if checkpoint:
        raise ValueError(
            "'record' keeps the topology, which a checkpoint does not hold; leave out one of "
            "them, or record the topology of shorter runs"
        )
    if isinstance(data, Batch):
        raise ValueError(
            "'record' keeps the topology of one graph, and this reservoir is a union of "
            f"{data.num_graphs}; run the graph of interest by itself"
        )
    recorder = TopologyRecorder() if isinstance(histories[0], str) else histories[0]
    return traces, TopologyLog(recorder, every)
