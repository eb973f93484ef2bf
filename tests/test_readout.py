import copy
import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pyngn_graph.readout import DeltaReadout, RidgeReadout
from pyngn_graph.readout.ridge import BLOCK

READOUTS: list[Callable[[], RidgeReadout | DeltaReadout]] = [
    RidgeReadout,
    lambda: DeltaReadout(epochs=2),
]
both = pytest.mark.parametrize("make", READOUTS, ids=["ridge", "delta"])


def rows(
    seed: int, num_rows: int, num_features: int = 6, num_classes: int | None = 3
) -> tuple[Tensor, Tensor]:
    """Features with their own scale and offset, labels (or one value) that depend on them."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(num_rows, num_features, generator=g)
    map_ = torch.randn(num_features, num_classes or 1, generator=g)
    y = x @ map_ + 0.5 * torch.randn(num_rows, num_classes or 1, generator=g)
    x = x * (0.5 + torch.arange(num_features) / num_features) + 3.0
    return x, y.squeeze(1) if num_classes is None else y.argmax(dim=1)


def direct_ridge(x: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Weight and bias from the normal equations, written down plainly."""
    x, y = x.double(), y.double()
    mean, sd = x.mean(dim=0), x.std(dim=0, correction=0)
    z = (x - mean) / sd
    gram = z.t() @ z / len(x) + alpha * torch.eye(x.size(1), dtype=torch.float64)
    w = torch.linalg.solve(gram, z.t() @ (y - y.mean(dim=0)) / len(x)) / sd.unsqueeze(1)
    return w, y.mean(dim=0) - mean @ w


@pytest.mark.parametrize(("num_rows", "num_features"), [(50, 6), (20, 30), (3000, 8)])
@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_ridge_solves_the_normal_equations(num_rows: int, num_features: int, alpha: float) -> None:
    x, _ = rows(0, num_rows, num_features)
    y = torch.randn(num_rows, 2, generator=torch.Generator().manual_seed(1))
    readout = RidgeReadout(alpha).fit(x, y)
    weight, bias = direct_ridge(x, y, alpha)
    torch.testing.assert_close(readout.weight, weight, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(readout.bias, bias, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(readout(x.double()), x.double() @ weight + bias)


def test_labels_are_one_hot_values() -> None:
    x, y = rows(2, 80)
    labels = RidgeReadout(0.01).fit(x, y * 7 - 3)
    values = RidgeReadout(0.01).fit(x, nn.functional.one_hot(y).float())
    torch.testing.assert_close(labels.weight, values.weight)
    torch.testing.assert_close(labels.predict(x), values.predict(x).argmax(dim=1) * 7 - 3)
    assert labels.classes is not None
    assert labels.classes.tolist() == [-3, 4, 11]


@pytest.mark.parametrize("num_classes", [3, None])
@pytest.mark.parametrize("num_rows", [40, BLOCK, 2 * BLOCK + 77])
def test_any_split_of_the_rows_gives_the_same_bits(num_rows: int, num_classes: int | None) -> None:
    x, y = rows(3, num_rows, 50, num_classes)
    whole = RidgeReadout().fit(x, y)
    g = torch.Generator().manual_seed(4)
    for num_parts in (2, 5, 30):
        cuts = [0, *torch.randint(1, num_rows, (num_parts - 1,), generator=g).sort()[0], num_rows]
        parts = RidgeReadout()
        for start, stop in pairwise(cuts):
            if start < stop:
                parts.partial_fit(x[start:stop], y[start:stop])
        assert parts.num_rows == num_rows
        assert torch.equal(parts.weight, whole.weight)
        assert torch.equal(parts.bias, whole.bias)
        assert torch.equal(parts.best_alpha, whole.best_alpha)
    one_by_one = RidgeReadout()
    for i in range(min(num_rows, 40)):
        one_by_one.partial_fit(x[i : i + 1], y[i : i + 1])
        _ = one_by_one.weight  # solving on the way changes nothing
    one_by_one.partial_fit(x[40:], y[40:]) if num_rows > 40 else None
    assert torch.equal(one_by_one.weight, whole.weight)


def test_order_matters_to_rounding_only() -> None:
    x, y = rows(5, BLOCK + 300, 20)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    a, b = RidgeReadout().fit(x, y), RidgeReadout().fit(x[order], y[order])
    torch.testing.assert_close(a.weight, b.weight, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(a.bias, b.bias, rtol=1e-9, atol=1e-12)


@both
def test_a_label_that_comes_late_is_as_if_known_from_the_start(
    make: Callable[[], RidgeReadout | DeltaReadout],
) -> None:
    x, y = rows(6, 2 * BLOCK if make is RidgeReadout else 60)
    order = (y == 1).int().argsort(stable=True)  # label 1 last: it comes between 0 and 2
    x, y = x[order], y[order]
    late = make().partial_fit(x[:-10], y[:-10]).partial_fit(x[-10:], y[-10:])
    early = make().partial_fit(x, y)
    assert torch.equal(late.weight, early.weight)
    assert torch.equal(late.bias, early.bias)
    assert late.classes is not None
    assert late.classes.tolist() == [0, 1, 2]


def test_units_and_offsets_of_features_do_not_matter() -> None:
    x, y = (t.double() for t in rows(7, 200, num_classes=None))
    scale, offset = 1e-6 * torch.logspace(-0.5, 0.5, 6, dtype=torch.float64), 1e3
    a = RidgeReadout().fit(x, y)
    b = RidgeReadout().fit(x * scale + offset * scale, y)
    torch.testing.assert_close(b.weight * scale.unsqueeze(1), a.weight, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(b(x * scale + offset * scale), a(x), rtol=1e-6, atol=1e-8)


def test_targets_do_not_influence_each_other() -> None:
    x, _ = rows(8, 100)
    y = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 9, 0.01])
    y[:, 0] += x[:, 0]
    together = RidgeReadout().fit(x, y)
    for k in range(3):
        alone = RidgeReadout().fit(x, y[:, k])
        assert alone.best_alpha[0] == together.best_alpha[k]
        torch.testing.assert_close(alone.weight[:, 0], together.weight[:, k])
        assert alone.predict(x).shape == (100,)
    assert len(set(together.best_alpha.tolist())) > 1


def test_gcv_is_the_rotation_invariant_leave_one_out_error() -> None:
    # By its definition, from the hat matrix of the n rows.
    x, y = (t.double() for t in rows(9, 30, num_classes=None))
    alphas = (1e-4, 1e-2, 1.0)
    z = (x - x.mean(dim=0)) / x.std(dim=0, correction=0)
    gcv = []
    for alpha in alphas:
        gram = z.t() @ z / 30 + alpha * torch.eye(6, dtype=torch.float64)
        hat = z @ torch.linalg.solve(gram, z.t()) / 30 + 1.0 / 30
        rss = (y - hat @ y).square().sum() / 30
        gcv.append(rss / (1.0 - hat.trace() / 30) ** 2)
    from pyngn_graph.readout.solve import Spectrum

    for spectrum in (
        Spectrum.of_rows(x, y.unsqueeze(1)),
        Spectrum.of_sums(*moments(x, y.unsqueeze(1))),
    ):
        found = spectrum.gcv(torch.tensor(alphas, dtype=torch.float64))
        torch.testing.assert_close(found[:, 0], torch.stack(gcv))
    assert RidgeReadout(alphas).fit(x, y).best_alpha[0] == alphas[int(torch.stack(gcv).argmin())]


def moments(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    z = nn.functional.pad(x, (1, 0), value=1.0)
    return z.t() @ z, z.t() @ y, y.square().sum(dim=0)


def test_penalty_is_large_for_noise_and_small_for_a_law() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(120, 100, generator=g)
    noise, law = torch.randn(120, generator=g), x @ torch.randn(100, generator=g)
    assert RidgeReadout().fit(x, noise).best_alpha[0] >= 1.0
    law_readout = RidgeReadout().fit(x, law)
    assert law_readout.best_alpha[0] <= 1e-6
    assert law_readout.score(x, law) > 1.0 - 1e-6


def test_a_neuron_almost_silent_in_training_cannot_explode() -> None:
    x, y = rows(10, 300, num_classes=None)
    rare = torch.zeros(300, 1)
    rare[7] = 1e-6
    readout = RidgeReadout().fit(torch.cat([x, rare], dim=1), y)
    burst = torch.cat([x, torch.ones(300, 1)], dim=1)
    assert readout.score(burst, y) > 0.5
    silent = RidgeReadout().fit(torch.cat([x, torch.full((300, 1), 0.1)], dim=1), y)
    assert silent.weight[-1, 0] == 0.0


@both
def test_learns_and_scores(make: Callable[[], RidgeReadout | DeltaReadout]) -> None:
    for num_classes, least in ((3, 0.8), (None, 0.8)):
        x, y = rows(11, 600, num_classes=num_classes)
        readout = make().fit(x[:400], y[:400])
        assert readout.score(x[400:], y[400:]) > least
        assert readout.weight.shape == (6, num_classes or 1)
        torch.testing.assert_close(
            readout(x.double()), x.double() @ readout.weight + readout.bias, rtol=0, atol=0
        )
    prediction = readout.predict(x)
    r2 = 1.0 - float((prediction - y).square().sum() / (y - y.mean()).square().sum())
    assert math.isclose(readout.score(x, y), r2, rel_tol=1e-5)


@both
def test_constant_targets_and_single_rows_are_defined(
    make: Callable[[], RidgeReadout | DeltaReadout],
) -> None:
    x, _ = rows(12, 20)
    same = make().fit(x, torch.full((20,), 2.0))
    assert same.predict(x).tolist() == [2.0] * 20
    assert same.score(x, torch.full((20,), 2.0)) == 1.0
    assert same.score(x, torch.full((20,), 3.0)) == 0.0
    assert make().fit(x, torch.full((20,), 5)).predict(x).tolist() == [5] * 20
    assert make().fit(x[:1], torch.tensor([7.0])).predict(x[:2]).tolist() == [7.0, 7.0]
    assert make().fit(x[:1, :1], torch.tensor([True])).predict(x[:2, :1]).tolist() == [1, 1]
    assert make().fit(torch.zeros(9, 3), torch.arange(9) % 2).score(torch.zeros(9, 3), x[:9, 0] > 9)


@both
def test_integer_features_and_trials_without_gradient(
    make: Callable[[], RidgeReadout | DeltaReadout],
) -> None:
    x, y = rows(13, 60)
    counts = (x - x.min()).long()
    a, b = make().fit(counts, y), make().fit(counts.float().requires_grad_(), y)
    assert torch.equal(a.weight, b.weight)
    assert not b.weight.requires_grad
    assert a(counts).dtype == torch.float32
    assert a(x.half()).dtype == torch.float16
    point = x.clone().requires_grad_()
    a(point).sum().backward()  # a readout may close a differentiable model
    torch.testing.assert_close(point.grad[0], a.weight.sum(dim=1).float())


@both
def test_state_dict_carries_everything(make: Callable[[], RidgeReadout | DeltaReadout]) -> None:
    x, y = rows(14, BLOCK + 50 if make is RidgeReadout else 50)
    half = len(x) // 2
    first = make().partial_fit(x[:half], y[:half])
    second = make().partial_fit(x[:5, :2], y[:5])  # another size: what is loaded decides
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for readout in (first, second):
        readout.partial_fit(x[half:], y[half:])
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.predict(x), second.predict(x))
    with pytest.raises(RuntimeError, match="Unexpected key"):
        make().load_state_dict({"other": torch.zeros(1)})


@both
def test_conversion_of_a_model_keeps_precision(
    make: Callable[[], RidgeReadout | DeltaReadout],
) -> None:
    x, y = rows(15, 50)
    readout = make().fit(x, y)
    before = readout.weight.clone()
    nn.Sequential(nn.Identity(), readout).half().to("cpu")
    assert torch.equal(readout.weight, before)


@both
def test_leaves_the_callers_tensors_alone(make: Callable[[], RidgeReadout | DeltaReadout]) -> None:
    x, y = rows(16, 30, num_classes=None)
    x, y = x.double(), y.double()
    x_before, y_before = x.clone(), y.clone()
    readout = make().partial_fit(x, y)
    assert torch.equal(x, x_before)
    assert torch.equal(y, y_before)
    weight = readout.weight.clone()
    x.zero_()
    y.zero_()
    readout.partial_fit(x_before[:1], y_before[:1])
    again = make().partial_fit(x_before, y_before).partial_fit(x_before[:1], y_before[:1])
    assert torch.equal(readout.weight, again.weight)
    assert not torch.equal(readout.weight, weight)


@both
def test_bad_data_is_refused_and_changes_nothing(
    make: Callable[[], RidgeReadout | DeltaReadout],
) -> None:
    x, y = rows(17, 40)
    readout = make().fit(x, y)
    weight, bias, number = readout.weight.clone(), readout.bias.clone(), readout.num_rows
    nan, huge = x.clone(), x.double()
    nan[3, 2], huge[0, 0] = torch.nan, 1e200
    cases: list[tuple[object, object, type[Exception], str]] = [
        (nan, y, ValueError, r"'x' must be finite.*1 of 240 entries.*x\[3, 2\] = nan"),
        (huge, y, ValueError, "below 1e\\+100"),
        (x.numpy().astype(str), y, TypeError, "'x' must be real numbers .got <U.*pass numbers"),
        (x[0], y, ValueError, r"shape \[B, F\].*got \[6\].*unsqueeze"),
        (x[:0], y[:0], ValueError, r"B, F >= 1 .got \[0, 6\]"),
        (x, y[:-1], ValueError, "40 rows but 'y' 39"),
        (x, y.unsqueeze(1), ValueError, r"labels of shape \[B\].*y.double"),
        (x, np.array(["a", "b"] * 20), TypeError, "got <U1.*words become labels by 'np.unique"),
        (x + 0j, y, TypeError, "complex64"),
    ]
    learned: list[tuple[object, object, type[Exception], str]] = [
        (x[:, :5], y, ValueError, "5 features but the readout learned from 6"),
        (x, y.float(), ValueError, "holds values .torch.float32. but the readout learned labels"),
    ]
    for x_bad, y_bad, error, message in cases:
        with pytest.raises(error, match=message):
            readout.fit(x_bad, y_bad)  # type: ignore[arg-type]
    for x_bad, y_bad, error, message in cases + learned:
        with pytest.raises(error, match=message):
            readout.partial_fit(x_bad, y_bad)  # type: ignore[arg-type]
        with pytest.raises(error, match=message):
            readout.score(x_bad, y_bad)  # type: ignore[arg-type]
    assert readout.num_rows == number
    assert torch.equal(readout.weight, weight)
    assert torch.equal(readout.bias, bias)
    values = make().fit(x, y.float())
    with pytest.raises(ValueError, match="'y' must be finite"):
        values.partial_fit(x, torch.full((40,), torch.inf))
    with pytest.raises(ValueError, match="as before"):
        values.partial_fit(x, y.float().unsqueeze(1))
    with pytest.raises(ValueError, match="learned values"):
        values.partial_fit(x, y)


@both
def test_nothing_learned_yet(make: Callable[[], RidgeReadout | DeltaReadout]) -> None:
    x, y = rows(18, 4)
    for use in (lambda r: r.predict(x), lambda r: r.score(x, y), lambda r: r.weight):
        with pytest.raises(RuntimeError, match="has seen no data; call 'fit'"):
            use(make())
    assert make().num_rows == 0


def test_parameters_are_checked_and_shown() -> None:
    for alpha in (0.0, -1.0, math.nan, math.inf, (), (1.0, 0.0)):
        with pytest.raises(ValueError, match="'alpha' must be a positive number"):
            RidgeReadout(alpha)
    for lr in (0.0, 2.0, math.nan):
        with pytest.raises(ValueError, match="'lr' must lie between 0 and 2"):
            DeltaReadout(lr=lr)
    with pytest.raises(ValueError, match="'epochs'"):
        DeltaReadout(epochs=0)
    x, y = rows(19, 30)
    assert repr(RidgeReadout(0.5)) == "RidgeReadout(alpha=0.5)"
    assert repr(RidgeReadout(0.5).fit(x, y)) == "RidgeReadout(alpha=0.5, 6 features -> 3 classes)"
    assert "lr=0.1, epochs=3, seed=0, 6 features -> 1 values" in repr(
        DeltaReadout(0.1, epochs=3).fit(x, y.float())
    )


def test_delta_rule_by_hand() -> None:
    # One feature, two rows: means 1 and 2, variance 1, so z = 1 and e = 2 at the second row.
    readout = DeltaReadout(lr=0.5).partial_fit(torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 4]))
    w = 0.5 * 1.0 * 2.0 / (1.0 + 1.0)
    torch.testing.assert_close(readout.weight.item(), w)
    torch.testing.assert_close(readout.bias.item(), 2.0 - w)


def test_delta_split_and_seed() -> None:
    x, y = rows(20, 70)
    whole = DeltaReadout().partial_fit(x, y)
    parts = DeltaReadout()
    for i in (0, 1, 2, 30):
        stop = {0: 1, 1: 2, 2: 30, 30: 70}[i]
        parts.partial_fit(x[i:stop], y[i:stop])
    assert torch.equal(parts.weight, whole.weight)
    assert torch.equal(parts.bias, whole.bias)
    a, b, c = (DeltaReadout(seed=seed).fit(x, y) for seed in (0, 0, 1))
    assert torch.equal(a.weight, b.weight)
    assert not torch.equal(a.weight, c.weight)
    assert a.num_rows == 700


def test_delta_converges_to_least_squares_where_there_is_no_noise() -> None:
    x, _ = rows(21, 200)
    y = x @ torch.arange(6.0) - 40.0
    readout = DeltaReadout(lr=1.0, epochs=20).fit(x, y)
    torch.testing.assert_close(readout.weight[:, 0], torch.arange(6.0).double(), atol=0.05, rtol=0)
    assert readout.score(x, y) > 0.9999
