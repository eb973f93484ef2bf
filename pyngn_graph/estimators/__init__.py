"""Reservoirs as scikit-learn estimators, for its pipelines, searches and cross-validation.

Needs scikit-learn, the extra ``sklearn``; nothing else in the library imports this module.
"""

from pyngn_graph.extras import needed

needed("sklearn", "sklearn", "'pyngn_graph.estimators'")

from pyngn_graph.estimators.classifier import ReservoirClassifier  # noqa: E402
from pyngn_graph.estimators.regressor import ReservoirRegressor  # noqa: E402

__all__ = ["ReservoirClassifier", "ReservoirRegressor"]
