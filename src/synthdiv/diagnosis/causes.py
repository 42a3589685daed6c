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
    "taken_for": pl.String,
    "taken_share": pl.Float64,
    **dict.fromkeys(("n_images", "n_natural"), pl.Int64),
    **dict.fromkeys(("right", "natural_right", "particular", "spread_ratio", "prompted", "natural_prompted"), pl.Float64),
    **dict.fromkeys(("reading", "best_reading", "reads_taken", "photographs", "natural_photographs"), pl.Float64),
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
    reads: float = 0.6
    second: float = 0.2
    particular: float = 0.5
    prompted: float = 0.25
    domain: float = 0.5
    spread: float = 0.25
    collapse: float = 0.02


def find_cause(figures: dict[str, float], limits: Thresholds) -> str:
    """The cause that a class's figures speak for.

    Parameters
    ----------
    figures : dict
        A row of :func:`synthdiv.diagnosis.evidence.gather_evidence`; without texts, adherence and ambiguity can't be told
        apart, and wrong images are "undecided".
    limits : Thresholds
    """
    right, natural = (figures[name] for name in ("right", "natural_right"))
    with_texts = "reading" in figures
    reads = with_texts and figures["reading"] >= limits.reads
    any_reads = with_texts and max(figures["reading"], figures["best_reading"]) >= limits.reads
    if figures["spread_ratio"] < limits.collapse:
        return "diversity"
    reads_other = with_texts and any_reads and figures["reads_taken"] > limits.second
    if reads_other and natural - right > limits.leaning:
        return "ambiguity"
    if natural - right > limits.missing:
        if not with_texts:
            return "undecided"
        if reads:
            return "adherence" if figures["particular"] >= limits.particular else "concept not represented"
        return "ambiguity" if any_reads else "concept not represented"
    if with_texts and not any_reads and figures["natural_prompted"] < limits.prompted:
        return "concept not represented"
    if with_texts and figures["natural_photographs"] - figures["photographs"] > limits.domain:
        return "visual domain"
    return "diversity" if figures["spread_ratio"] < limits.spread else "none"


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
        The columns of ``SCHEMA``: cause, suspected (the cause though it be undecided), confidence, taken_for (a name: what
        most of the wrong images are taken for) and taken_share; the figures of :func:`find_cause`, with best_wording,
        best_text, domain, and evidence (indices of training images); null where there is nothing to rest on.
    """
    limits = limits or Thresholds()
    rows = []
    for row in evidence.iter_rows(named=True):
        rng = np.random.default_rng([seed, row["class_id"]])
        figures = find_figures(row)
        cause = find_cause(figures, limits)
        again = [find_cause(find_figures(resample_counts(row, rng)), limits) for _ in range(RESAMPLES)]
        confidence = again.count(cause) / RESAMPLES
        own, taken = classes[row["class_id"]], classes[row["taken_for"]]
        rows.append(
            {"set": set_name, "class_id": row["class_id"], "key": own.key, "name": own.name}
            | {"cause": cause if confidence >= CONFIDENT else "undecided", "suspected": cause, "confidence": confidence}
            | {"taken_for": taken.name, "taken_share": row["n_taken"] / row["n_images"]}
            | {"n_images": row["n_images"], "n_natural": row["n_natural"]}
            | figures
            | {"best_wording": row.get("best_wording"), "best_text": row.get("best_text"), "domain": row.get("domain")}
            | {"evidence": " ".join(map(str, row["evidence"]))}
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def find_figures(row: dict[str, Any]) -> dict[str, float]:
    """Shares and ratios out of a row of evidence: what :func:`find_cause` asks for."""
    wrong = row["n_images"] - row["n_right"]
    figures = {
        "right": row["n_right"] / row["n_images"],
        "natural_right": row["n_natural_right"] / row["n_natural"],
        "particular": row["n_taken"] / wrong if wrong else 0.0,
        "spread_ratio": row["spread"] / row["natural_spread"] if row["natural_spread"] > 0 else 1.0,
    }
    if "prompt_reading" not in row:
        return figures
    ideal, readers = max(1, row["natural_reading"]), row["n_readers"]
    return figures | {
        "prompted": row["n_prompted"] / row["n_images"],
        "natural_prompted": row["n_natural_prompted"] / row["n_natural"],
        "reading": row["prompt_reading"] / ideal,
        "best_reading": row["best_reading"] / ideal,
        "reads_taken": (row["prompt_reads_taken"] - row["natural_reads_taken"]) / readers,
        "photographs": row["n_photographs"] / row["n_images"],
        "natural_photographs": row["n_natural_photographs"] / row["n_natural"],
    }


def resample_counts(row: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A row of evidence as other images and readers of the same class might have given it."""
    drawn = dict(row)
    rest = row["n_images"] - row["n_right"] - row["n_taken"]
    right, taken, _ = rng.multinomial(row["n_images"], np.array([row["n_right"], row["n_taken"], rest]) / row["n_images"])
    drawn |= {"n_right": int(right), "n_taken": int(taken)}
    counts = {"n_natural_right": "n_natural"}
    if "prompt_reading" in row:
        counts |= {"n_prompted": "n_images", "n_natural_prompted": "n_natural"}
        counts |= {"n_photographs": "n_images", "n_natural_photographs": "n_natural"}
        counts |= dict.fromkeys(("natural_reading", "best_reading"), "n_readers")
        own, other = row["prompt_reading"], row["prompt_reads_taken"]
        shares = np.array([own, other, row["n_readers"] - own - other]) / row["n_readers"]
        reading, reads_taken, _ = rng.multinomial(row["n_readers"], shares)
        drawn |= {"prompt_reading": int(reading), "prompt_reads_taken": int(reads_taken)}
    for name, whole in counts.items():
        drawn[name] = int(rng.binomial(row[whole], row[name] / row[whole]))
    for name in ("spread", "natural_spread"):
        error = row[f"{name}_error"]
        drawn[name] = max(0.0, rng.normal(row[name], error)) if error == error else row[name]
    return drawn
