import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyngn_graph.sorting import LEADS, argsort, group_by, lead, sorted_groups

seeds = st.integers(0, 2**31)

KEYS = {
    "uniform": lambda rng, size: rng.random(size) - 0.5,
    "float32": lambda rng, size: rng.random(size).astype(np.float32).astype(float),
    "few values": lambda rng, size: rng.integers(-3, 3, size).astype(float),
    "all the same": lambda rng, size: np.full(size, -7.25),
    # Clusters of more keys than are sorted one by one, apart by their last bits only.
    "clusters": lambda rng, size: rng.integers(-2, 2, size) + rng.integers(0, 9, size) * 2.0**-51,
    "all magnitudes": lambda rng, size: np.ldexp(rng.random(size) - 0.5, rng.integers(-1074, 1024)),
    "zeros and infinities": lambda rng, size: rng.choice([-np.inf, -1.0, -0.0, 0.0, np.inf], size),
}


@pytest.mark.parametrize("kind", KEYS)
@given(seed=seeds, size=st.sampled_from([0, 1, 2, 10, 100, 1000]))
def test_sorting_is_stable_and_by_every_bit(kind: str, seed: int, size: int) -> None:
    key = KEYS[kind](np.random.default_rng(seed), size)
    before = key.copy()
    assert argsort(key).tolist() == np.argsort(key, kind="stable").tolist()
    assert np.array_equal(key, before)


@pytest.mark.parametrize("kind", KEYS)
@given(seed=seeds)
def test_upper_parts_rise_with_the_key(kind: str, seed: int) -> None:
    key = np.sort(KEYS[kind](np.random.default_rng(seed), 100))
    found = [int(lead(bits)) for bits in key.view(np.uint64)]
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] < LEADS


def own_entries(group: np.ndarray, chosen: np.ndarray, groups: int) -> list[np.ndarray]:
    return [np.flatnonzero(chosen & (group == i)) for i in range(groups)]


@given(seed=seeds, groups=st.integers(1, 5), size=st.sampled_from([0, 1, 12, 400]))
def test_groups_hold_their_entries_in_order(seed: int, groups: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    group, chosen = rng.integers(groups, size=size), rng.random(size) < 0.8
    start, order = group_by(group, chosen, groups)
    own = own_entries(group, chosen, groups)
    assert [x.tolist() for x in np.split(order, start[1:-1])] == [x.tolist() for x in own]
    assert (start[0], start[-1]) == (0, chosen.sum())


DELAYS = {
    "evenly": lambda rng, size: 1.0 + 99.0 * rng.random(size),
    "many ties": lambda rng, size: rng.choice(rng.random(20), size),
    "all the same": lambda rng, size: np.full(size, 3.5),
    # Nearly all of them where there is room for few.
    "a cluster": lambda rng, size: np.where(rng.random(size) < 0.01, 100.0, 1 + rng.random(size)),
}


@pytest.mark.parametrize("kind", DELAYS)
@given(seed=seeds, groups=st.integers(1, 5), size=st.sampled_from([0, 1, 12, 400, 2000]))
def test_groups_are_sorted_and_ties_keep_their_order(
    kind: str, seed: int, groups: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    group, chosen = rng.integers(groups, size=size), rng.random(size) < 0.8
    key = DELAYS[kind](rng, size).astype(np.float32)
    before = key.copy()
    start, order = sorted_groups(group, chosen, groups, key)
    rising = [x[np.argsort(key[x], kind="stable")] for x in own_entries(group, chosen, groups)]
    assert [x.tolist() for x in np.split(order, start[1:-1])] == [x.tolist() for x in rising]
    assert np.array_equal(key, before)
