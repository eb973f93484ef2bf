"""Which penalty a ridge readout takes: by rows left out, equal ones together, and with a word."""

import math
import warnings
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import pyngn_graph as ng
from pyngn_graph.readout.base import floored_sd
from pyngn_graph.readout.ridge import ALPHAS, BLOCK
from pyngn_graph.readout.solve import Spectrum


def problem(seed: int, rows: int, features: int, noise: float = 0.5) -> tuple[Tensor, ...]:
    """Features and targets to learn from, and to test on without noise."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(rows + 400, features, generator=g, dtype=torch.float64)
    law = torch.randn(features, generator=g, dtype=torch.float64) / math.sqrt(features)
    y = x @ law
    noisy = y[:rows] + noise * torch.randn(rows, generator=g, dtype=torch.float64)
    return x[:rows], noisy, x[rows:], y[rows:]


def left_out(x: Tensor, y: Tensor, alpha: float, equals: bool) -> float:
    """By refitting without each row, and its equals; scales and n alpha stay."""
    n = len(x)
    z = (x - x.mean(dim=0)) / floored_sd(x.var(dim=0, correction=0))
    total = 0.0
    for i in range(n):
        rest = (x != x[i]).any(dim=1) if equals else torch.arange(n) != i
        mean_z, mean_y = z[rest].mean(dim=0), y[rest].mean()
        a = z[rest] - mean_z
        gram = a @ a.t() + n * alpha * torch.eye(len(a), dtype=a.dtype)
        weight = a.t() @ torch.linalg.solve(gram, y[rest] - mean_y)
        total += float((y[i] - mean_y - (z[i] - mean_z) @ weight).square())
    return total / n


@pytest.mark.parametrize("features", [4, 40])
@pytest.mark.parametrize("repeats", [(), (0,), (0, 0, 5), tuple(range(15))])
@pytest.mark.parametrize("same_target", [True, False])
def test_the_error_is_that_of_refitting_without_the_rows(
    features: int, repeats: tuple[int, ...], same_target: bool
) -> None:
    x, y, _, _ = problem(0, 15, features)
    x, y = torch.cat([x, x[list(repeats)]]), torch.cat([y, y[list(repeats)]])
    if not same_target:
        y = y + torch.linspace(-1, 1, len(y), dtype=y.dtype)
    alphas = torch.tensor([1e-6, 1e-3, 0.1, 3.0], dtype=torch.float64)
    found = Spectrum.of_rows(x, y.unsqueeze(1)).errors(alphas)[:, 0]
    both = [[left_out(x, y, a, equals) for a in alphas.tolist()] for equals in (True, False)]
    expected = torch.tensor(both, dtype=torch.float64).mean(dim=0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rows", "features"), [(60, 300), (95, 100), (30, 500)])
def test_rows_that_repeat_do_not_change_the_choice(seed: int, rows: int, features: int) -> None:
    """What generalized cross-validation took for a law was a row that it had seen before."""
    x, y, new, law = problem(seed, rows, features)

    def error(x: Tensor, y: Tensor) -> float:
        return float((ng.RidgeReadout().fit(x, y).predict(new) - law).square().mean().sqrt())

    once = error(x, y)
    for repeats in ([0], [3, 3, 5], [*range(rows)], [*range(rows)] * 3):
        if rows + len(repeats) >= features:
            continue
        again = error(torch.cat([x, x[repeats]]), torch.cat([y, y[repeats]]))
        assert again < 1.15 * once + 0.05, (repeats, again, once)


def test_a_row_that_repeats_is_no_reason_to_interpolate() -> None:
    # As many rows as features: interpolation is at its worst.
    x, y, new, law = problem(1, 100, 100)
    x, y = torch.cat([x[:99], x[:1]]), torch.cat([y[:99], y[:1]])
    readout = ng.RidgeReadout().fit(torch.cat([x, x[:, :1]], dim=1), y)
    found = readout.predict(torch.cat([new, new[:, :1]], dim=1))
    assert float(readout.best_alpha[0]) > 1e-3
    assert float((found - law).square().mean().sqrt()) < 1.0


@pytest.mark.parametrize("times", [2, 10, 50])
@pytest.mark.parametrize("features", [4, 5, 300])
def test_few_patterns_shown_again_and_again_are_learned(times: int, features: int) -> None:
    """What is left out with all its equals cannot be known: it must not decide alone."""
    g = torch.Generator().manual_seed(0)
    patterns = torch.eye(4) if features == 4 else torch.randn(4, features, generator=g)
    x = patterns.repeat(times, 1) + 5.0
    xor, values = torch.tensor([0, 1, 1, 0]).repeat(times), torch.randn(4, generator=g)
    assert ng.RidgeReadout().fit(x, xor).score(x, xor) == 1.0
    assert ng.RidgeReadout().fit(x, values.repeat(times)).score(x, values.repeat(times)) > 0.99


@pytest.mark.parametrize("rows", [50, 90, BLOCK - 1, BLOCK + 5])
def test_any_split_gives_the_same_bits_where_rows_repeat(rows: int) -> None:
    x, y, _, _ = problem(2, rows, 60)
    x[7], y[7] = x[3], y[3]
    whole = ng.RidgeReadout().fit(x, y)
    g = torch.Generator().manual_seed(0)
    for parts in (2, 9):
        cuts = sorted({0, rows, *torch.randint(1, rows, (parts,), generator=g).tolist()})
        split = ng.RidgeReadout()
        for start, stop in pairwise(cuts):
            split.partial_fit(x[start:stop], y[start:stop])
            _ = split.weight
        assert torch.equal(split.weight, whole.weight)
        assert torch.equal(split.best_alpha, whole.best_alpha)


def warned(readout: ng.RidgeReadout, x: Tensor, y: Tensor) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        readout.fit(x, y)
    return [str(each.message) for each in found]


@pytest.mark.parametrize("rows", [50, 300])
@pytest.mark.parametrize("features", [20, 120])
def test_a_choice_at_an_end_says_so(rows: int, features: int) -> None:
    x, y, _, _ = problem(3, rows, features)
    best = float(ng.RidgeReadout().fit(x, y).best_alpha[0])
    assert min(ALPHAS) < best < max(ALPHAS)
    assert warned(ng.RidgeReadout(), x, y) == []
    assert warned(ng.RidgeReadout(best / 1e3), x, y) == []  # one penalty is no choice
    (low,) = warned(ng.RidgeReadout((best / 1e4, best / 1e3)), x, y)
    assert f"1 of 1 targets is {best / 1e3:g}, the largest to choose from" in low
    (high,) = warned(ng.RidgeReadout((best * 1e4, best * 1e3)), x, y)
    assert f"1 of 1 targets is {best * 1e3:g}, the least to choose from" in high
    assert warned(ng.RidgeReadout((best / 10, best, best * 10)), x, y) == []


def test_noise_says_that_the_features_tell_nothing() -> None:
    x, _, _, _ = problem(4, 200, 10)
    g = torch.Generator().manual_seed(9)
    noise = torch.randn(200, 4, generator=g, dtype=torch.float64)
    (said,) = warned(ng.RidgeReadout(), x, torch.cat([noise, x[:, :2]], dim=1))
    number = int((ng.RidgeReadout().fit(x, noise).best_alpha == max(ALPHAS)).sum())
    assert number > 0
    assert f"{number} of 6 targets is 10000, the largest to choose from: the features tell" in said
    assert warned(ng.RidgeReadout(1e4), x, noise) == []  # as the message says


@pytest.mark.parametrize("make", [ng.RidgeReadout, ng.DeltaReadout])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
@pytest.mark.parametrize("rows", [2, 40, 2 * BLOCK])
def test_states_that_do_not_vary_say_so(make: type, value: float, rows: int) -> None:
    rows = min(rows, 60) if make is ng.DeltaReadout else rows
    x, y = torch.full((rows, 5), value), torch.arange(rows) % 2
    with pytest.warns(UserWarning, match=rf"None of 5 features varies over {rows} rows"):
        readout = make().fit(x, y)
    assert len(readout.predict(x).unique()) == 1


@pytest.mark.parametrize("make", [ng.RidgeReadout, ng.DeltaReadout])
def test_one_feature_that_varies_is_enough(make: type) -> None:
    x = torch.zeros(40, 5)
    x[:, 2] = (torch.arange(40) % 2).float()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="None of")
        assert make().fit(x, torch.arange(40) % 2).score(x, torch.arange(40) % 2) == 1.0
        ng.RidgeReadout().fit(x[:1], torch.zeros(1))  # of one row nothing is expected


def test_parts_that_do_not_vary_alone_vary_together() -> None:
    readout = ng.RidgeReadout()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        readout.partial_fit(torch.zeros(20, 3), torch.zeros(20).long())
        readout.partial_fit(torch.ones(20, 3), torch.ones(20).long())
        assert readout.score(torch.ones(2, 3), torch.ones(2).long()) == 1.0
