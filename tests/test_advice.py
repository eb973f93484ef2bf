"""Advice that is followed to the letter: scores do not fall, verdicts do not worsen."""

import warnings
from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from pyngn_graph import Astrocyte, RidgeReadout, TriglialReservoir
from pyngn_graph.advice import LABELS, SETS, STEPS, Change
from pyngn_graph.datasets import Digits
from pyngn_graph.diagnosis import VERDICTS, Diagnosis
from pyngn_graph.generators import Tissue
from pyngn_graph.recipes import Recipe

BASE = Recipe(
    num_nodes=150,
    degree=8.0,
    weight=0.2,
    tau_m=30.0,
    max_delay=80,
    glia=("astrocyte", "oligodendrocyte"),
    rho=0.02,
    trials=150,
    hold=10,
    input_scale=1.0,
    bias=(0.7, 1.1),
    pool=4,
    tau_trace=20.0,
    start="rest",
)
"""Spelled out, so that this file does not move with the defaults."""

ILL: dict[str, dict[str, object]] = {
    "dead": {"bias": (0.0, 0.1), "input_scale": 0.1},
    "hardly driven": {"bias": (0.4, 0.6), "input_scale": 0.3},
    "weak input": {"input_scale": 1e-4},
    "faint input": {"input_scale": 0.03},
    "far too much bias": {"bias": (8.0, 9.0)},
    "too much bias": {"bias": (1.5, 2.0)},
    "too much input": {"input_scale": 15.0},
    "weights far too strong": {"weight": 40.0},
    "weights far too weak": {"weight": 0.001},
    "target far too high": {"rho": 0.2},
    "target far too low": {"rho": 0.001},
    "wild, without glia": {"weight": 4.0, "glia": ()},
    "strong, without glia": {"weight": 1.0, "glia": ()},
    "dead, without glia": {"bias": (0.0, 0.1), "glia": ()},
    "bias, without glia": {"bias": (8.0, 9.0), "glia": ()},
    "weak input, without glia": {"input_scale": 1e-3, "glia": ()},
}
"""Reservoirs in which something is amiss, as changes to ``BASE``."""


class Digit:
    """Images read row by row; the score is the accuracy in per cent."""

    channels, slack = 8, 4.0
    "With 297 test images the standard error is 1 to 3."

    def __init__(self) -> None:
        images = Digits("train")
        self.x, self.y = images.x[:900], images.y[:900]
        self.shown = self.x[-100:]
        self.life = self.x[:400]

    def score(self, reservoir: TriglialReservoir) -> float:
        states = reservoir(self.x)
        readout = RidgeReadout().fit(states[:600], self.y[:600])
        return 100.0 * readout.score(states[600:], self.y[600:])


class Memory:
    """The last 12 samples of a stream; the score is the sum of R squared, in per cent of one."""

    channels, slack = 1, 25.0

    def __init__(self) -> None:
        u = 2.0 * torch.rand(2600, 1, generator=torch.Generator().manual_seed(0)) - 1.0
        self.life, self.stream = u[None, :1000].repeat(2, 1, 1), u[1000:]
        self.shown = self.stream.view(80, 20, 1)

    def score(self, reservoir: TriglialReservoir) -> float:
        run = reservoir.run(self.stream, record="state", every=10)
        states, u = run.traces["state"][0, 100:], self.stream[:, 0]
        past = torch.stack([u.roll(k)[100:] for k in range(1, 13)], dim=1)
        said = RidgeReadout().fit(states[:1000], past[:1000]).predict(states[1000:])
        truth = past[1000:]
        error = (said - truth).square().sum(dim=0) / (truth - truth.mean(dim=0)).square().sum(dim=0)
        return 100.0 * float((1.0 - error).clamp(min=0.0).sum())


@lru_cache
def task_of(kind: type[Digit] | type[Memory]) -> Digit | Memory:
    return kind()


class Trial:
    """A reservoir of a recipe, its diagnosis and its score on a task."""

    def __init__(
        self, task: Digit | Memory, recipe: Recipe, lives: bool = True, **cell: float
    ) -> None:
        self.task, self.recipe, self.lives, self.cell = task, recipe, lives, cell
        graph = recipe.tissue(0)
        glia = recipe.cells(0)
        for k, each in enumerate(glia):
            if isinstance(each, Astrocyte):
                glia[k] = Astrocyte(rho=recipe.rho, rule="multiplicative", **cell)
        reservoir = recipe.reservoir(task.channels, 0, graph).replace(glia=glia)
        if lives and (glia or recipe.start == "lived"):
            reservoir.adapt(task.life)
        self.found: Diagnosis = reservoir.diagnose(task.shown)
        self.score = task.score(reservoir)

    def follow(self, change: Change) -> "Trial":
        """The same with one change, done as it is written."""
        recipe, lives, cell = self.recipe, self.lives, dict(self.cell)
        if change.knob == "adapt":
            lives = True
        elif change.knob in ("min_gain", "max_gain"):
            before = {"min_gain": 0.01, "max_gain": 100.0} | cell
            cell[change.knob] = changed(before[change.knob], change)
        elif change.knob == "glia":
            recipe = replace(recipe, glia=("astrocyte",))
        else:
            name = "weight" if change.knob == "edge_weight" else change.knob
            recipe = replace(recipe, **{name: changed(getattr(recipe, name), change)})
        return Trial(self.task, recipe, lives, **cell)


def changed(value: float, change: Change) -> float:
    return change.to if change.by is None else value * change.by


@pytest.mark.filterwarnings("ignore:The reservoir is")
@pytest.mark.parametrize("kind", [Digit, Memory])
@pytest.mark.parametrize("name", ILL)
def test_each_change_that_is_advised_does_no_harm(
    name: str, kind: type[Digit] | type[Memory]
) -> None:
    task = task_of(kind)
    before = Trial(task, replace(BASE, **ILL[name]))  # type: ignore[arg-type]
    assert before.found.verdict != "healthy"
    assert before.found.changes
    for change in before.found.changes:
        after = before.follow(change)
        assert after.score >= before.score - task.slack, str(change)
        worse = VERDICTS.index(after.found.verdict) < VERDICTS.index(before.found.verdict)
        assert not worse, str(change)


@pytest.mark.filterwarnings("ignore:The reservoir is")
@pytest.mark.parametrize("kind", [Digit, Memory])
@pytest.mark.parametrize("name", ILL)
def test_the_first_advice_followed_again_and_again_ends_well(
    name: str, kind: type[Digit] | type[Memory]
) -> None:
    task = task_of(kind)
    first = trial = Trial(task, replace(BASE, **ILL[name]))  # type: ignore[arg-type]
    for _ in range(8):
        if trial.found.verdict == "healthy":
            break
        trial = trial.follow(trial.found.changes[0])
    assert trial.found.verdict == "healthy", str(trial.found)
    assert trial.score >= first.score - task.slack


@pytest.mark.filterwarnings("ignore:The reservoir is")
def test_glia_that_have_not_worked_are_asked_to_first() -> None:
    wild = Trial(task_of(Digit), replace(BASE, weight=4.0), lives=False)
    assert wild.found.verdict == "saturated"
    assert wild.found.changes[0] == Change("adapt", "set")
    mended = wild.follow(wild.found.changes[0])
    assert mended.found.verdict == "healthy"
    assert mended.score > wild.score + 10.0


@pytest.mark.filterwarnings("ignore:The reservoir is")
def test_what_inhibition_holds_down_asks_for_weaker_weights() -> None:
    x = torch.randn(30, 20, 2, generator=torch.Generator().manual_seed(0))
    weight, found = 2.0, None
    for _ in range(3):
        graph = Tissue(num_nodes=150, degree=20.0, weight=weight, inhibition=100.0, seed=0)()
        reservoir = TriglialReservoir(graph, in_channels=2, hold=10, pool=4)
        found = reservoir.diagnose(x)
        if found.verdict == "healthy":
            break
        assert found.changes[0].knob == "edge_weight"
        weight = changed(weight, found.changes[0])
    assert found is not None
    assert found.verdict == "healthy", str(found)
    assert weight < 2.0


@pytest.mark.filterwarnings("ignore:The reservoir is")
def test_trials_too_short_for_a_spike_ask_to_be_held() -> None:
    x = torch.randn(30, 2, 2, generator=torch.Generator().manual_seed(0))
    hold, found = 1, None
    for _ in range(3):
        graph = Tissue(num_nodes=150, degree=8.0, weight=0.2, seed=0)()
        found = TriglialReservoir(graph, in_channels=2, hold=hold, pool=1).diagnose(x)
        if found.verdict == "healthy":
            break
        assert found.changes[0].knob == "hold"
        hold = int(changed(hold, found.changes[0]))
    assert found is not None
    assert found.verdict == "healthy", str(found)
    assert hold > 1


def test_what_is_healthy_beats_what_is_not() -> None:
    for kind in (Digit, Memory):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            good = Trial(task_of(kind), BASE)
        assert good.found.verdict == "healthy", str(good.found)
        faint = Trial(task_of(kind), replace(BASE, input_scale=0.03))
        assert good.score > faint.score + 10.0


def test_every_knob_has_a_name_in_sentences() -> None:
    assert set(SETS) == set(LABELS)
    assert not set(LABELS) & set(STEPS)
    assert str(Change("bias", "raise", to=(0.7, 1.1))) == "raise 'bias' to (0.7, 1.1)"
    assert str(Change("edge_weight", "lower", by=0.5)).endswith("('edge_weight'), times 0.5")
