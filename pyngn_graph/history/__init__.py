"""The history of a graph that glia reshape."""

from pyngn_graph.history.change import Change
from pyngn_graph.history.log import TopologyLog, TopologyRecorder

__all__ = ["Change", "TopologyLog", "TopologyRecorder"]
