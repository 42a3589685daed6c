"""Transfer: a logistic regression on frozen features, its regularisation chosen on a validation split.

The protocol is that of "No reason for no supervision" (Sariyildiz et al., 2023), by authors of the ImageNet-SD study:
L-BFGS, 30 trials of C from 1e-5 to 1e6, a fifth of each class for validation where a set has no validation split, then a fit
to both. Its trials are proposed by an optimiser; here they are evenly spaced on a logarithmic scale, as in "Do better
ImageNet models transfer better?" (Kornblith et al., 2019), each starting from the one before.
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

WEAKEST, STRONGEST = 1e6, 1e-5
"""C, the inverse strength, of the weakest and of the strongest regularisation."""


@dataclass(frozen=True)
class Transfer:
    """What a regression on features made of the evaluation split.

    Attributes
    ----------
    predicted : int64 array of shape (n,)
        The class of each evaluation image.
    strength : float
        The chosen C.
    converged : bool
        Whether the fit to training and validation split did.
    n_train, d : int
        Images of both, and the length of their features.
    trials : list of dict
        A row a C: strength, validation_top1, converged. Empty if a single C is tried.
    """

    predicted: np.ndarray
    c: float
    converged: bool
    n_train: int
    d: int
    trials: list[dict[str, Any]]


def space_c_values(trials: int) -> list[float]:
    """So many C, evenly spaced on a logarithmic scale, the strongest regularisation first; of one, the middle."""
    if trials == 1:
        return [math.sqrt(WEAKEST * STRONGEST)]
    return np.geomspace(STRONGEST, WEAKEST, trials).tolist()


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
    """Fit logistic regressions to frozen features, and classify the evaluation split by the chosen one.

    Parameters
    ----------
    train, validation, evaluation : Embeddings
        Of the three splits, sorted by class_id and index. Where the validation split is empty, it is a fifth of each class
        of the training split. Of the evaluation split nothing but the features is looked at, and only once C is chosen.
    trials : int
        How many C are tried. Of equally good ones the smallest is taken.
    features : {"unit", "raw"}
        Unit vectors, or vectors of their own length.
    max_iterations : int
        Of L-BFGS for a fit.
    seed : int
        Which fifth.

    Returns
    -------
    Transfer
    """
    whole = join_embeddings([train, validation])
    held = np.arange(len(whole)) >= len(train) if len(validation) else hold_out(train, seed)
    rows, c_values = _take_rows(whole, features), space_c_values(trials)
    evaluated = []
    if trials > 1 and held.any():
        model, fitted, tested = LogisticRegression(max_iter=max_iterations, warm_start=True), rows[~held], rows[held]
        for c in c_values:
            converged = _fit(model.set_params(C=c), fitted, whole.class_ids[~held])
            top1 = float(model.score(tested, whole.class_ids[held]))
            evaluated.append({"c": c, "validation_top1": top1, "converged": converged})
    best = max(evaluated, key=lambda trial: trial["validation_top1"])["c"] if evaluated else c_values[len(c_values) // 2]
    model = LogisticRegression(C=best, max_iter=max_iterations)
    converged = _fit(model, rows, whole.class_ids)
    predicted = model.predict(_take_rows(evaluation, features))
    return Transfer(predicted, best, converged, len(whole), rows.shape[1], evaluated)


def _take_rows(embeddings: Embeddings, features: str) -> np.ndarray:
    rows = make_unit(embeddings.vectors)
    return rows * embeddings.lengths[:, None] if features == "raw" else rows


def _fit(model: LogisticRegression, rows: np.ndarray, class_ids: np.ndarray) -> bool:
    """Fit, and say whether that converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(rows, class_ids)
    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
