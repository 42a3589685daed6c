"""Transfer: a logistic regression on frozen features, its regularisation chosen on a validation split.

The protocol is that of "No reason for no supervision" (Sariyildiz et al., 2023), by authors of the ImageNet-SD study:
L-BFGS, 30 trials of C from 1e-5 to 1e6, a fifth of each class for validation if a set has no validation split, then a fit to
both splits. There, an optimiser proposes the trials; here they are evenly spaced on a logarithmic scale, as in "Do better
ImageNet models transfer better?" (Kornblith et al., 2019), and each starts from the previous one. scikit-learn's
LogisticRegressionCV does the same, but does not say which fits converged.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from synthdiv.embeddings.table import Embeddings, join_embeddings, make_unit
from synthdiv.metrics.embedding_classifiers import hold_out

C_MAX, C_MIN = 1e6, 1e-5
"""C (inverse regularisation) of the weakest and of the strongest regularisation."""


@dataclass(frozen=True)
class Transfer:
    """Predictions of a linear probe on the evaluation split, and its fit.

    Attributes
    ----------
    predicted : int64 array of shape (n,)
        The class of each evaluation image.
    c : float
        The chosen C.
    converged : bool
        Whether the fit to training and validation split converged.
    n_train, d : int
        Number of images in both splits, and of feature dimensions.
    trials : list of dict
        One row per C: C, validation_top1, converged. Empty for a single C.
    """

    predicted: np.ndarray
    c: float
    converged: bool
    n_train: int
    d: int
    trials: list[dict[str, Any]]


def space_c_values(trials: int) -> list[float]:
    """Return ``trials`` values of C, evenly spaced on a logarithmic scale, smallest first; of one, the middle."""
    if trials == 1:
        return [math.sqrt(C_MAX * C_MIN)]
    return np.geomspace(C_MIN, C_MAX, trials).tolist()


def transfer_features(
    train: Embeddings,
    validation: Embeddings,
    evaluation: Embeddings,
    *,
    trials: int,
    features: str,
    max_iterations: int,
    seed: int,
) -> Transfer:
    """Fit logistic regressions to frozen features, and classify the evaluation split with the chosen one.

    Parameters
    ----------
    train, validation, evaluation : Embeddings
        The three splits, sorted by class_id and index. If the validation split is empty, a fifth of each class of the
        training split replaces it. Only features of the evaluation split are used, and only once C is chosen.
    trials : int
        Number of values of C. Of equally good ones the smallest is chosen.
    features : {"unit", "raw"}
        Unit vectors, or vectors of their original length.
    max_iterations : int
        Maximum L-BFGS iterations per fit.
    seed : int
        Selects the fifth.

    Returns
    -------
    Transfer
    """
    whole = join_embeddings([train, validation])
    held = np.arange(len(whole)) >= len(train) if len(validation) else hold_out(train, seed)
    rows, c_values = _take_rows(whole, features), space_c_values(trials)
    results = []
    if trials > 1 and held.any():
        model, fitted, tested = LogisticRegression(max_iter=max_iterations, warm_start=True), rows[~held], rows[held]
        for c in c_values:
            converged = _fit(model.set_params(C=c), fitted, whole.class_ids[~held])
            top1 = float(model.score(tested, whole.class_ids[held]))
            results.append({"C": c, "validation_top1": top1, "converged": converged})
    best = max(results, key=lambda trial: trial["validation_top1"])["C"] if results else c_values[len(c_values) // 2]
    model = LogisticRegression(C=best, max_iter=max_iterations)
    converged = _fit(model, rows, whole.class_ids)
    predicted = model.predict(_take_rows(evaluation, features))
    return Transfer(predicted, best, converged, len(whole), rows.shape[1], results)


def _take_rows(embeddings: Embeddings, features: str) -> np.ndarray:
    rows = make_unit(embeddings.vectors)
    return rows * embeddings.lengths[:, None] if features == "raw" else rows


def _fit(model: LogisticRegression, rows: np.ndarray, class_ids: np.ndarray) -> bool:
    """Fit the model, and return whether it converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(rows, class_ids)
    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
