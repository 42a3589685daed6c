"""Why a class of a drawn set falls short: one cause a class, from the figures of :mod:`synthdiv.diagnosis.evidence`.

The causes, asked for in this order:

- **diversity**, if the images hardly vary at all: they are one image, and what it shows says little about the prompt;

images are wrong (fewer are nearest to their class's natural centroid than natural images are; fewer by little is enough
where the prompt reads as another class), and

- **adherence**: the prompt reads as the class, but the images are of another one;
- **concept not represented**: the prompt reads as the class, but the images are of nothing in particular; or no wording that
  was tried reads as the class (the paper's "hammer" and "nail");
- **ambiguity**: the prompt reads as the class that the images are taken for, or not as its own, though another wording does;

images are right, and

- **concept not represented**: no wording reads as the class, and natural images miss its prompt too;
- **visual domain**: more images are taken for drawings, renderings or product shots than natural ones are;
- **diversity**: their spread is far below that of natural images.

A cause's confidence is the share of resamples of its figures (other images and readers, the same classes and models)
that come to the same cause; below ``CONFIDENT`` it is "undecided".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from synthdiv.prompts.class_tables import ClassRow

CAUSES = ("ambiguity", "adherence", "concept not represented", "visual domain", "diversity", "none")
CONFIDENT = 0.8
RESAMPLES = 200
SCHEMA: dict[str, Any] = {
    "set": pl.String,
    "class_id": pl.Int64,
    **dict.fromkeys(("key", "name", "cause", "suspected"), pl.String),
    "confidence": pl.Float64,
    "predicted_class": pl.String,
    "predicted_class_share": pl.Float64,
    **dict.fromkeys(("n_images", "n_natural"), pl.Int64),
    **dict.fromkeys(
        ("accuracy", "natural_accuracy", "particular", "spread_ratio", "prompted", "natural_prompted"), pl.Float64
    ),
    **dict.fromkeys(("retrieval", "best_retrieval", "retrieved_other", "photographs", "natural_photographs"), pl.Float64),
    **dict.fromkeys(("best_wording", "best_text", "domain", "evidence"), pl.String),
}
"""Of the table of causes: a row a set and class."""


@dataclass(frozen=True)
class Thresholds:
    """Where a figure speaks for a cause. Fixed on half of the planted cases, and tested on the other half.

    Attributes
    ----------
    missing : float
        Images are wrong if the share of right ones is so much below that of natural images.
    leaning : float
        The same, where the prompt reads as the class that the images are taken for.
    reads : float
        A text reads as its class if so much of what the natural centroid reaches is of the class.
    second : float
        A prompt reads as another class, too, if so much more of its readers are of it than of the natural centroid's.
    particular : float
        Wrong images are of one class if so many of the wrong ones are of it.
    prompted : float
        Natural images miss a prompt if fewer than this are nearest to it.
    domain : float
        Images are of another kind if so many fewer are photographs than of natural images.
    spread : float
        A spread is far below that of natural images if it is less than so many times as large.
    collapse : float
        And images hardly vary if it is less than this.
    """

    missing: float = 0.25
    leaning: float = 0.1
    retrieves: float = 0.6
    second: float = 0.2
    particular: float = 0.5
    prompted: float = 0.25
    domain: float = 0.5
    spread: float = 0.25
    collapse: float = 0.02


def find_cause(metrics: dict[str, float], limits: Thresholds) -> str:
    """The cause that a class's figures speak for.

    Parameters
    ----------
    figures : dict
        A row of :func:`synthdiv.diagnosis.evidence.gather_evidence`; without texts, adherence and ambiguity can't be told
        apart, and wrong images are "undecided".
    limits : Thresholds
    """
    right, natural = (metrics[name] for name in ("accuracy", "natural_accuracy"))
    with_texts = "retrieval" in metrics
    retrieves = with_texts and metrics["retrieval"] >= limits.retrieves
    any_retrieves = with_texts and max(metrics["retrieval"], metrics["best_retrieval"]) >= limits.retrieves
    if metrics["spread_ratio"] < limits.collapse:
        return "diversity"
    retrieves_other = with_texts and any_retrieves and metrics["retrieved_other"] > limits.second
    if retrieves_other and natural - right > limits.leaning:
        return "ambiguity"
    if natural - right > limits.missing:
        if not with_texts:
            return "undecided"
        if retrieves:
            return "adherence" if metrics["particular"] >= limits.particular else "concept not represented"
        return "ambiguity" if any_retrieves else "concept not represented"
    if with_texts and not any_retrieves and metrics["natural_prompted"] < limits.prompted:
        return "concept not represented"
    if with_texts and metrics["natural_photographs"] - metrics["photographs"] > limits.domain:
        return "visual domain"
    return "diversity" if metrics["spread_ratio"] < limits.spread else "none"


def diagnose_classes(
    evidence: pl.DataFrame, classes: Sequence[ClassRow], *, set_name: str, seed: int, limits: Thresholds | None = None
) -> pl.DataFrame:
    """The cause of each class, how sure it is, and the figures that it rests on.

    Parameters
    ----------
    evidence : polars.DataFrame
        From :func:`synthdiv.diagnosis.evidence.gather_evidence`.
    classes : sequence of ClassRow
        The study's.
    set_name : str
        The diagnosed set.
    seed : int
        Of the resamples.
    limits : Thresholds, optional

    Returns
    -------
    polars.DataFrame
        The columns of ``SCHEMA``: cause, suspected (the cause though it be undecided), confidence, predicted_class (a name: what
        most of the wrong images are taken for) and predicted_class_share; the figures of :func:`find_cause`, with best_wording,
        best_text, domain, and evidence (indices of training images); null where there is nothing to rest on.
    """
    limits = limits or Thresholds()
    rows = []
    for row in evidence.iter_rows(named=True):
        rng = np.random.default_rng([seed, row["class_id"]])
        metrics = find_metrics(row)
        cause = find_cause(metrics, limits)
        again = [find_cause(find_metrics(resample_counts(row, rng)), limits) for _ in range(RESAMPLES)]
        confidence = again.count(cause) / RESAMPLES
        own, predicted = classes[row["class_id"]], classes[row["predicted_class"]]
        rows.append(
            {"set": set_name, "class_id": row["class_id"], "key": own.key, "name": own.name}
            | {"cause": cause if confidence >= CONFIDENT else "undecided", "suspected": cause, "confidence": confidence}
            | {"predicted_class": predicted.name, "predicted_class_share": row["n_predicted_class"] / row["n_images"]}
            | {"n_images": row["n_images"], "n_natural": row["n_natural"]}
            | metrics
            | {"best_wording": row.get("best_wording"), "best_text": row.get("best_text"), "domain": row.get("domain")}
            | {"evidence": " ".join(map(str, row["evidence"]))}
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def find_metrics(row: dict[str, Any]) -> dict[str, float]:
    """Shares and ratios out of a row of evidence: what :func:`find_cause` asks for."""
    wrong = row["n_images"] - row["n_correct"]
    metrics = {
        "accuracy": row["n_correct"] / row["n_images"],
        "natural_accuracy": row["n_natural_correct"] / row["n_natural"],
        "particular": row["n_predicted_class"] / wrong if wrong else 0.0,
        "spread_ratio": row["spread"] / row["natural_spread"] if row["natural_spread"] > 0 else 1.0,
    }
    if "prompt_retrieved_own" not in row:
        return metrics
    ideal, readers = max(1, row["natural_retrieved_own"]), row["n_retrieved"]
    return metrics | {
        "prompted": row["n_prompted"] / row["n_images"],
        "natural_prompted": row["n_natural_prompted"] / row["n_natural"],
        "retrieval": row["prompt_retrieved_own"] / ideal,
        "best_retrieval": row["best_retrieval"] / ideal,
        "retrieved_other": (row["prompt_retrieved_other"] - row["natural_retrieved_other"]) / readers,
        "photographs": row["n_photographs"] / row["n_images"],
        "natural_photographs": row["n_natural_photographs"] / row["n_natural"],
    }


def resample_counts(row: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A row of evidence as other images and readers of the same class might have given it."""
    resampled = dict(row)
    rest = row["n_images"] - row["n_correct"] - row["n_predicted_class"]
    right, predicted, _ = rng.multinomial(
        row["n_images"], np.array([row["n_correct"], row["n_predicted_class"], rest]) / row["n_images"]
    )
    resampled |= {"n_correct": int(right), "n_predicted_class": int(predicted)}
    counts = {"n_natural_correct": "n_natural"}
    if "prompt_retrieved_own" in row:
        counts |= {"n_prompted": "n_images", "n_natural_prompted": "n_natural"}
        counts |= {"n_photographs": "n_images", "n_natural_photographs": "n_natural"}
        counts |= dict.fromkeys(("natural_retrieved_own", "best_retrieval"), "n_retrieved")
        own, other = row["prompt_retrieved_own"], row["prompt_retrieved_other"]
        shares = np.array([own, other, row["n_retrieved"] - own - other]) / row["n_retrieved"]
        retrieval, retrieved_other, _ = rng.multinomial(row["n_retrieved"], shares)
        resampled |= {"prompt_retrieved_own": int(retrieval), "prompt_retrieved_other": int(retrieved_other)}
    for name, whole in counts.items():
        resampled[name] = int(rng.binomial(row[whole], row[name] / row[whole]))
    for name in ("spread", "natural_spread"):
        error = row[f"{name}_error"]
        resampled[name] = max(0.0, rng.normal(row[name], error)) if error == error else row[name]
    return resampled
