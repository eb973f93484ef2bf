"""What columns are called elsewhere, and what they mean here."""

import re
from collections.abc import Iterable, Mapping, Sequence

_ENDS = """
source target | pre post | from to | src dst | src tgt | source_id target_id | pre_id post_id
| pre_root_id post_root_id | pre_pt_root_id post_pt_root_id | bodyid_pre bodyid_post
| pre_bodyid post_bodyid | body_pre body_post | presynaptic postsynaptic
| presynaptic_neuron postsynaptic_neuron | pre_neuron post_neuron | pre_name post_name
| source_node target_node | source_neuron target_neuron | source_name target_name
| source_node_id target_node_id | from_id to_id | from_node to_node | from_node_id to_node_id
| node_1 node_2 | neuron_1 neuron_2 | id_1 id_2 | node_a node_b | u v | i j | start end
| pre_cell post_cell | source_cell target_cell
| presynaptic_id postsynaptic_id | pre_neuron_id post_neuron_id | upstream downstream
| start_id end_id | sender receiver | origin destination | row col | row column
"""


def _key(name: str) -> str:
    """A name of a column without case, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*\)", "", str(name)).lower())


ENDS = [tuple(map(_key, pair.split())) for pair in _ENDS.split("|")]
"""Pairs of columns that make an edge, row 0 pre."""

WEIGHT = ("weight", "weights", "edgeweight", "synapticweight", "w", "value")
"""What weights are called."""

COUNT = tuple(
    map(
        _key,
        """synapses synapse_count num_synapses n_synapses nr_synapses number_of_synapses syn_count
        nsyns nsyn n_syn num_syn syns number_of_fibers num_fibers n_fibers fiber_count fibers
        number_of_fibres streamlines streamline_count num_streamlines n_streamlines count counts
        synapse_number no_of_synapses total_synapses size nbr sections multiplicity contacts
        num_contacts n_contacts""".split(),
    )
)
"""What counts of synapses or fibers are called."""

DELAY = ("delay", "delays", "edgedelay", "delaysteps")
NO_WEIGHT = (*DELAY, "id", "edgeid", "key", "index", "column")
"""What numbers of edges may be called that nobody means for weights."""

DIRECTION = ("type", "directed", "direction", "edgetype")
NODE = tuple(
    map(
        _key,
        """id name node node_id neuron neuron_id root_id pt_root_id body_id body cell cell_id
        neuron_name cell_name label key region roi""".split(),
    )
)
"""What the names of nodes are called, the likeliest first."""

LABEL = ("label", "name")
SIGN = ("sign",)

ROLES: dict[str, tuple[str, ...]] = {
    "pre": tuple(dict.fromkeys(pre for pre, _ in ENDS)),
    "post": tuple(dict.fromkeys(post for _, post in ENDS)),
    "weight": (*WEIGHT, *COUNT),
    "delay": DELAY,
    "type": DIRECTION,
    "id": NODE,
    "label": LABEL,
    "sign": SIGN,
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
}
"""What a column may be for, and the names that say so."""


def roles(columns: Mapping[str, str] | None) -> dict[str, str]:
    """The choices of a caller, ``{role: column}``, under the role's own name.

    Raises:
        TypeError, ValueError: If a role is unknown or named twice.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise TypeError(
            f"'columns' must map what a column is for to its name, e.g. "
            f"{{'weight': 'syn_count'}} (got {columns!r})"
        )
    chosen: dict[str, str] = {}
    for word, column in columns.items():
        role = word if word in ROLES else next((r for r in ROLES if _key(word) in ROLES[r]), None)
        if role is None:
            raise ValueError(
                f"'columns' must name what a column is for, one of {list(ROLES)} (got {word!r})"
            )
        if role in chosen:
            raise ValueError(f"'columns' names the column for {role!r} twice; drop one of them")
        chosen[str(role)] = column
    return chosen


def ends_among(
    names: Sequence[str], chosen: Mapping[str, str], title: str
) -> tuple[str, str] | None:
    """The columns of the two ends of an edge, or None.

    Raises:
        ValueError: If a chosen column is missing, or several pairs could be meant.
    """
    for role in ("pre", "post"):
        check_there(chosen.get(role), names, role, title)
    by_key = {_key(name): name for name in names}
    found = [
        (chosen.get("pre", by_key.get(pre)), chosen.get("post", by_key.get(post)))
        for pre, post in ENDS
    ]
    pairs = list(
        dict.fromkeys((a, b) for a, b in found if a is not None and b is not None and a != b)
    )
    if len(chosen.keys() & {"pre", "post"}) == 2:
        pairs = [(chosen["pre"], chosen["post"])]
    if len(pairs) > 1:
        raise ValueError(
            f"{title} has several columns that may be the ends of an edge, {pairs}; choose with "
            f"columns={{'pre': {pairs[0][0]!r}, 'post': {pairs[0][1]!r}}}"
        )
    return pairs[0] if pairs else None


def one_of(
    names: Iterable[str], words: Sequence[str], role: str, title: str, chosen: Mapping[str, str]
) -> str | None:
    """The column for a role: the chosen one, or the only one of ``names`` that says so.

    Raises:
        ValueError: If the chosen one is missing, or several could be meant.
    """
    names = list(names)
    if role in chosen:
        check_there(chosen[role], names, role, title)
        return chosen[role]
    found = [name for name in names if _key(name) in words]
    usual = [name for name in found if _key(name) == words[0]]
    if len(usual) == 1:  # its own name
        return usual[0]
    if len(found) > 1:
        raise ambiguous(found, role, title)
    return found[0] if found else None


def ambiguous(found: Sequence[str], role: str, title: str) -> ValueError:
    """The error where several columns could be meant."""
    return ValueError(
        f"{title} has several columns that may be its {role!r}, {list(found)}; choose with "
        f"columns={{{role!r}: {found[0]!r}}}, or rename the others"
    )


def check_there(column: str | None, names: Iterable[str], role: str, title: str) -> None:
    """Refuses a chosen column that does not exist."""
    names = list(names)
    if column is not None and column not in names:
        raise ValueError(
            f"columns={{{role!r}: {column!r}}} names no column of {title}; it has {names}"
        )


def is_count(name: str) -> bool:
    """Whether the name of a column says that it counts."""
    return _key(name) in COUNT


def is_(name: str, words: Sequence[str]) -> bool:
    """Whether a column is called by one of ``words``, whatever its case and signs."""
    return _key(name) in words


OF_EDGES = ("pre", "post", "weight", "delay", "type")
OF_NODES = ("id", "label", "sign", "x", "y", "z")
"""Roles of the columns of edges, and of nodes."""
