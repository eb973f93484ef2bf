"""What ranks cannot do to the bits of a single process, and therefore refuse."""

from torch_geometric.data import Batch, Data

from pyngn_graph.glia import Astrocyte, FixedDelays, Microglia, Oligodendrocyte
from pyngn_graph.setting import Setting

RULES = ("graded", "align", "fixed:uniform", "fixed:sqrt", "fixed:two")
KNOWN = ("relative", "threshold", "weight", "random")


def check_exact(setting: Setting, data: Data) -> None:
    """Refuses what needs more of the graph than a rank has.

    Raises:
        ValueError: With the reason.
    """
    reason = next(iter(_reasons(setting, data)), None)
    if reason is not None:
        raise ValueError(f"Not over several ranks: {reason}; run it in a single process")


def _reasons(setting: Setting, data: Data) -> list[str]:
    found = []
    if isinstance(data, Batch):
        found.append("the graphs of a 'Batch' do not depend on each other; give each rank some")
    if setting.in_flight == "emission":
        found.append("in_flight='emission' keeps a list of spikes under way, which is not split")
    if setting.start == "lived":
        found.append("start='lived' keeps the end of a life, which is not split")
    if setting.backend == "cuda":
        found.append("backend 'cuda' does not take in spikes from elsewhere; 'reference' does")
    for cell in setting.glia:
        if type(cell) is Astrocyte:
            if cell.territory is not None:
                found.append(
                    f"{cell!r} averages the calcium of other ranks at every step, sooner than "
                    f"their spikes are known"
                )
        elif type(cell) is Oligodendrocyte:
            if cell.rule not in RULES and type(cell.rule) is not FixedDelays:
                found.append(
                    f"the rule of {cell!r} may look at sources in the step at which they fire, "
                    f"before their spikes are known to other ranks (known to be local: "
                    f"{list(RULES)})"
                )
        elif type(cell) is Microglia:
            if cell.regrow:
                found.append(f"{cell!r} moves edges from rank to rank")
            if cell.criterion not in KNOWN:
                found.append(
                    f"the criterion of {cell!r} may count over the whole graph (known to be split: "
                    f"{list(KNOWN)})"
                )
        else:
            found.append(f"nobody knows whether {cell!r} needs more than the edges of a rank")
    return found
