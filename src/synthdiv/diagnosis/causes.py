"""Assign a suspected cause to each class of a generated set that falls short, by :mod:`synthdiv.diagnosis.evidence`.

A text retrieves the natural images nearest to it. It retrieves its class if enough of them are of that class, compared with
what the class's natural centroid retrieves. Each class has one cause. In the order of the tests:

- **diversity**: the images hardly vary at all; they are one image, which says little about the prompt;

if the images are wrong (fewer are nearest to their class's natural centroid than of natural images; a smaller gap is enough
where the prompt retrieves another class),

- **ambiguity**: some wording retrieves the class, but the prompt retrieves the class that the images are classified as, or
  does not retrieve its own;
- **adherence**: the prompt retrieves its class, but the images are of another class;
- **concept not represented**: the prompt retrieves its class, but the images are of no particular class; or no evaluated
  wording retrieves the class (the paper's "hammer" and "nail");

if the images are correct,

- **concept not represented**: no wording retrieves the class, and natural images are not nearest to its prompt either;
- **visual domain**: more images than natural images are classified as drawings, renderings or product shots;
- **diversity**: their spread is far below that of natural images.

A cause's confidence is the share of resamples of its metrics (other images and retrieved images, the same classes and
models) that give the same cause; below ``CONFIDENT`` it is "undecided".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

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
"""Columns of the table of causes: one row per set and class."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds at which a metric supports a cause. Fixed on half of the planted cases, tested on the other half.

    Attributes
    ----------
    missing : float
        Images are wrong if their accuracy is below that of natural images by more than this.
    missing_if_ambiguous : float
        The same, where the prompt retrieves the class that the images are classified as.
    retrieves : float
        A text retrieves its class if its retrieval precision is at least this multiple of the natural centroid's.
    retrieves_other : float
        A prompt retrieves another class, too, if that class's share of the retrieved images exceeds its share of those that
        the natural centroid retrieves by more than this.
    particular : float
        Wrong images are of one class if at least this share of them is classified as it.
    prompted : float
        Natural images miss a prompt if a smaller share than this is nearest to it.
    domain : float
        Images are of another visual domain if their share of photographs is below that of natural images by more than this.
    spread : float
        A spread is far below that of natural images if it is less than this multiple of it.
    collapse : float
        Images hardly vary if their spread is less than this multiple of it.
    """

    missing: float = 0.25
    missing_if_ambiguous: float = 0.1
    retrieves: float = 0.6
    retrieves_other: float = 0.2
    particular: float = 0.5
    prompted: float = 0.25
    domain: float = 0.5
    spread: float = 0.25
    collapse: float = 0.02


def find_cause(metrics: dict[str, float], limits: Thresholds) -> str:
    """Return the cause that a class's metrics support.

    Parameters
    ----------
    metrics : dict
        From :func:`find_metrics`. Without texts, adherence and ambiguity can't be distinguished: wrong images are
        "undecided".
    limits : Thresholds
    """
    gap = metrics["natural_accuracy"] - metrics["accuracy"]
    with_texts = "retrieval" in metrics
    retrieves = with_texts and metrics["retrieval"] >= limits.retrieves
    any_retrieves = with_texts and max(metrics["retrieval"], metrics["best_retrieval"]) >= limits.retrieves
    if metrics["spread_ratio"] < limits.collapse:
        return "diversity"
    retrieves_other = with_texts and any_retrieves and metrics["retrieved_other"] > limits.retrieves_other
    if retrieves_other and gap > limits.missing_if_ambiguous:
        return "ambiguity"
    if gap > limits.missing:
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
    evidence: pl.DataFrame, classes: Sequence[tuple[str, str]], *, set_name: str, seed: int, limits: Thresholds | None = None
) -> pl.DataFrame:
    """Tabulate the cause of each class, its confidence, and the supporting metrics.

    Parameters
    ----------
    evidence : polars.DataFrame
        From :func:`synthdiv.diagnosis.evidence.gather_evidence`.
    classes : sequence of (str, str)
        The key and the name of each class, by class_id.
    set_name : str
        The diagnosed set.
    seed : int
        Seed of the resamples.
    limits : Thresholds, optional

    Returns
    -------
    polars.DataFrame
        Columns of ``SCHEMA``: cause, suspected (the cause even where undecided), confidence, predicted_class (name of the
        class that most of the wrong images are classified as) and predicted_class_share; the metrics of :func:`find_cause`;
        best_wording, best_text, domain, and evidence (indices of training images). Null where not available.
    """
    limits = limits or Thresholds()
    rows = []
    for row in evidence.iter_rows(named=True):
        rng = np.random.default_rng([seed, row["class_id"]])
        metrics = find_metrics(row)
        cause = find_cause(metrics, limits)
        resampled = [find_cause(find_metrics(resample_counts(row, rng)), limits) for _ in range(RESAMPLES)]
        confidence = resampled.count(cause) / RESAMPLES
        (key, name), (_, predicted) = classes[row["class_id"]], classes[row["predicted_class"]]
        rows.append(
            {"set": set_name, "class_id": row["class_id"], "key": key, "name": name}
            | {"cause": cause if confidence >= CONFIDENT else "undecided", "suspected": cause, "confidence": confidence}
            | {"predicted_class": predicted, "predicted_class_share": row["n_predicted_class"] / row["n_images"]}
            | {"n_images": row["n_images"], "n_natural": row["n_natural"]}
            | metrics
            | {"best_wording": row.get("best_wording"), "best_text": row.get("best_text"), "domain": row.get("domain")}
            | {"evidence": " ".join(map(str, row["evidence"]))}
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def find_metrics(row: dict[str, Any]) -> dict[str, float]:
    """Compute the shares and ratios that :func:`find_cause` needs from a row of evidence."""
    wrong = row["n_images"] - row["n_correct"]
    metrics = {
        "accuracy": row["n_correct"] / row["n_images"],
        "natural_accuracy": row["n_natural_correct"] / row["n_natural"],
        "particular": row["n_predicted_class"] / wrong if wrong else 0.0,
        "spread_ratio": row["spread"] / row["natural_spread"] if row["natural_spread"] > 0 else 1.0,
    }
    if "prompt_retrieved_own" not in row:
        return metrics
    retrieved_by_centroid = max(1, row["natural_retrieved_own"])
    return metrics | {
        "prompted": row["n_prompted"] / row["n_images"],
        "natural_prompted": row["n_natural_prompted"] / row["n_natural"],
        "retrieval": row["prompt_retrieved_own"] / retrieved_by_centroid,
        "best_retrieval": row["best_retrieval"] / retrieved_by_centroid,
        "retrieved_other": (row["prompt_retrieved_other"] - row["natural_retrieved_other"]) / row["n_retrieved"],
        "photographs": row["n_photographs"] / row["n_images"],
        "natural_photographs": row["n_natural_photographs"] / row["n_natural"],
    }


def resample_counts(row: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Resample a row of evidence, as for other images and other retrieved images of the same class."""
    resampled = dict(row)
    rest = row["n_images"] - row["n_correct"] - row["n_predicted_class"]
    correct, predicted, _ = rng.multinomial(
        row["n_images"], np.array([row["n_correct"], row["n_predicted_class"], rest]) / row["n_images"]
    )
    resampled |= {"n_correct": int(correct), "n_predicted_class": int(predicted)}
    counts = {"n_natural_correct": "n_natural"}
    if "prompt_retrieved_own" in row:
        counts |= {"n_prompted": "n_images", "n_natural_prompted": "n_natural"}
        counts |= {"n_photographs": "n_images", "n_natural_photographs": "n_natural"}
        counts |= dict.fromkeys(("natural_retrieved_own", "best_retrieval"), "n_retrieved")
        own, other = row["prompt_retrieved_own"], row["prompt_retrieved_other"]
        shares = np.array([own, other, row["n_retrieved"] - own - other]) / row["n_retrieved"]
        retrieved_own, retrieved_other, _ = rng.multinomial(row["n_retrieved"], shares)
        resampled |= {"prompt_retrieved_own": int(retrieved_own), "prompt_retrieved_other": int(retrieved_other)}
    for name, whole in counts.items():
        resampled[name] = int(rng.binomial(row[whole], row[name] / row[whole]))
    for name in ("spread", "natural_spread"):
        error = row[f"{name}_error"]
        resampled[name] = max(0.0, rng.normal(row[name], error)) if error == error else row[name]
    return resampled
