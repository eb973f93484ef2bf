"""What mattered in a search for parameters."""

from typing import TYPE_CHECKING, Any

from pyngn_graph import extras
from pyngn_graph.checks import whole_seed
from pyngn_graph.plot.style import AFTER, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def importances(study: Any, *, seed: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draws how much of the variance of the score each parameter explains, the largest on top.

    The shares are those of functional ANOVA over a random forest, as Optuna computes them from the
    finished trials; they add up to 1 and stand beside their bars. Interactions count for nobody,
    and what few trials say is not much.

    Args:
        study: What :func:`pyngn_graph.tuning.search` returned, or any ``optuna.Study``.
        seed: Seed of the forest.
        ax: Axes to draw on; new ones by default.

    Raises:
        ImportError: If Optuna, scikit-learn or matplotlib is missing.
        ValueError: If fewer than two trials are finished, or all of them have the same score.

    Source: Hutter, Hoos & Leyton-Brown (2014), "An efficient approach for assessing
    hyperparameter importance".
    """
    seed = whole_seed(seed, least=0)
    optuna = extras.needed("optuna", "tune", "This picture")
    extras.needed("sklearn", "tune", "This picture")
    done = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    if len(done) < 2:
        raise ValueError(f"It takes 2 finished trials to compare parameters (got {len(done)})")
    if all(trial.value == done[0].value for trial in done):
        raise ValueError(
            f"Scores must differ to be explained (got {done[0].value} from all {len(done)} trials)"
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    names = sorted(shares, key=shares.__getitem__)
    ax = axes_or_new(ax)
    bars = ax.barh(names, [shares[name] for name in names], color=AFTER)
    ax.bar_label(bars, [f"{100.0 * shares[name]:.0f} %" for name in names], padding=3)
    ax.set_xlim(0.0, 1.25 * max(shares.values()))
    ax.set_xticks([])
    ax.set_xlabel(f"share of the variance of the score, {len(done)} trials")
    return ax
