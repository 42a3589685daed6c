"""Leakage: count the images that two splits share, list the pairs, and score classifiers without the shared images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.duplicates import KINDS, ImageSplit, Limits, find_duplicates
from synthdiv.analysis.similar_images import BLOCK, Similar, Vectors, find_similar, measure_cosines, number_embeddings
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import Embeddings, EmbeddingTables
from synthdiv.images.archive import digest_bytes
from synthdiv.images.thumbnails import SIDE, Thumbnails, read_thumbnails
from synthdiv.jobs.metrics import ComparedSplits
from synthdiv.metrics.authenticity import find_authentic
from synthdiv.metrics.neighbours import Neighbours
from synthdiv.stats.intervals import wilson_interval

PLACE = ("class_id", "index", "file", "offset", "size", "digest")
COUNTS: dict[str, Any] = {
    **dict.fromkeys(("set", "split", "other_set", "other_split"), pl.String),
    **dict.fromkeys(("n_images", "n_others", "n_exact", "n_near", "n_crops", "n_duplicates"), pl.Int64),
    **dict.fromkeys(("duplicate_share", "duplicate_share_low", "duplicate_share_high"), pl.Float64),
    **dict.fromkeys(("correlation_limit", "cosine_limit", "crop_correlation_limit"), pl.Float64),
    **dict.fromkeys(("authenticity", "authenticity_low", "authenticity_high"), pl.Float64),
}
PAIRS: dict[str, Any] = {
    **dict.fromkeys(("set", "split"), pl.String),
    **dict.fromkeys(("class_id", "index"), pl.Int32),
    **dict.fromkeys(("other_set", "other_split"), pl.String),
    **dict.fromkeys(("other_class_id", "other_index"), pl.Int32),
    "kind": pl.String,
    **dict.fromkeys(("correlation", "cosine"), pl.Float64),
    **{"file": pl.String, "offset": pl.Int64, "size": pl.Int64, "digest": pl.String},
    **{"other_file": pl.String, "other_offset": pl.Int64, "other_size": pl.Int64, "other_digest": pl.String},
}
SCORES: dict[str, Any] = {
    "evaluation_set": pl.String,
    **dict.fromkeys(("n_seeds", "n_evaluation", "n_leaked"), pl.Int64),
    **{f"{name}{end}": pl.Float64 for name in ("top1", "top1_without") for end in ("", "_low", "_high")},
}


def read_split(thumbnails: Path | str | None, embeddings: Path | str | None, split: str) -> ImageSplit:
    """Read the thumbnails of a split; its embeddings, if there are any, are read when they are needed.

    Of a split with embeddings alone, equal vectors count as the same file.

    Raises
    ------
    StudyError
        If a file is damaged.
    """
    tables = None if embeddings is None else EmbeddingTables(read_manifest(embeddings), split, rows=BLOCK)
    if thumbnails is None:
        return ImageSplit(_describe_vectors(tables or ()), None)
    return ImageSplit(read_thumbnails(thumbnails, split), None if tables is None else number_embeddings(tables))


def _describe_vectors(blocks: Iterable[Embeddings]) -> Thumbnails:
    """Return blank thumbnails of images without files, whose digests are those of their vectors."""
    rows = pl.DataFrame(
        [
            {"class_id": class_id, "index": index, "digest": digest_bytes(vector.tobytes())}
            for block in blocks
            for class_id, index, vector in zip(block.class_ids.tolist(), block.indices.tolist(), block.vectors, strict=True)
        ],
        schema={"class_id": pl.Int32, "index": pl.Int32, "digest": pl.Binary},
    )
    blank = np.broadcast_to(np.zeros((1, SIDE, SIDE, 3), np.uint8), (len(rows), SIDE, SIDE, 3))
    return Thumbnails(rows.with_columns(file=pl.lit(None, pl.String), offset=None, size=None), blank)


def compare_splits(
    one: ComparedSplits,
    images: ImageSplit,
    others: ImageSplit,
    limits: Limits,
    *,
    measure_authenticity: bool,
    device: str = "cpu",
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the images of a split that are also in another, or twice in the same.

    Parameters
    ----------
    one : ComparedSplits
        The names of the two splits.
    images, others : ImageSplit
    limits : Limits
    measure_authenticity : bool
        Whether the other split is the training split of the natural set, against which authenticity is measured.
    device : str
        A torch device, on which the most similar images are searched.

    Returns
    -------
    (polars.DataFrame, polars.DataFrame)
        A row of the table of leakage, and the pairs.
    """
    same, near = images is others, None
    if images.embeddings is not None and others.embeddings is not None:
        near = find_similar(len(images.thumbnails), images.embeddings, others.embeddings, same=same, device=device)
    found = find_duplicates(images, others, near, limits, same=same, device=device)
    row = vars(one) | _count(found["kind"], len(images.thumbnails), len(others.thumbnails))
    if images.thumbnails.have_files:
        row |= _describe_limits(limits)
    if measure_authenticity and near is not None and others.embeddings is not None:
        row |= _measure_authenticity(near, others.embeddings, device)
    return pl.DataFrame([row], schema=COUNTS), _describe_pairs(one, images, others, found)


def _count(kinds: pl.Series, n_images: int, n_others: int) -> dict[str, Any]:
    numbers = [int((kinds == kind).sum()) for kind in KINDS]
    counts = dict(zip(("n_exact", "n_near", "n_crops"), numbers, strict=True))
    total = sum(numbers)
    share = _describe_share("duplicate_share", total, n_images)
    return {"n_images": n_images, "n_others": n_others, **counts, "n_duplicates": total, **share}


def _describe_share(name: str, successes: float, count: int) -> dict[str, Any]:
    if not count:
        return {}
    low, high = wilson_interval(successes, count)
    return {name: successes / count, f"{name}_low": low, f"{name}_high": high}


def _describe_limits(limits: Limits) -> dict[str, float]:
    return {f"{name}_limit": value for name, value in vars(limits).items()}


def _measure_authenticity(near: Similar, references: Vectors, device: str) -> dict[str, Any]:
    numbers = near.numbers[:, None]
    found = find_authentic(
        Neighbours(np.zeros_like(numbers), numbers, near.similarities[:, None]), references, device=device
    )
    return _describe_share("authenticity", int(found.sum()), len(found))


def _describe_pairs(one: ComparedSplits, images: ImageSplit, others: ImageSplit, found: pl.DataFrame) -> pl.DataFrame:
    numbers, partners = found["number"].to_numpy(), found["other"].to_numpy()
    own, other = (
        splits.thumbnails.rows[chosen].select(PLACE).with_columns(pl.col("digest").bin.encode("hex"))
        for splits, chosen in ((images, numbers), (others, partners))
    )
    names = [pl.lit(value).alias(name) for name, value in vars(one).items()]
    cosines = pl.Series("cosine", measure_cosines(images.embeddings, numbers, others.embeddings, partners)).fill_nan(None)
    table = pl.concat(
        [own, other.select(pl.all().name.prefix("other_")), found.select("kind", "correlation")], how="horizontal"
    )
    return table.with_columns(*names, cosines).select(pl.col(name).cast(kind) for name, kind in PAIRS.items())


def score_without_leaks(predictions: pl.DataFrame, pairs: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Score a classifier with and without the evaluation images that its training images contain.

    Parameters
    ----------
    predictions : polars.DataFrame
        From :func:`synthdiv.classifiers.evaluation.classify_sets`.
    pairs : polars.DataFrame
        From :func:`compare_splits`.
    sources : sequence of str
        The sets whose training images it was trained on.

    Returns
    -------
    polars.DataFrame
        For each evaluation set: n_seeds, n_evaluation, n_leaked (images of it that are left out), top1 and top1_without
        (null if all are), means over seeds with Wilson's bounds.
    """
    shared = pairs.filter(
        pl.col("kind").is_in(KINDS), pl.col("other_set").is_in(sources), split="evaluation", other_split="train"
    )
    leaked = shared.select(pl.col("set").alias("evaluation_set"), "class_id", "index").unique()
    keys = ["evaluation_set", "class_id", "index"]
    rows = []
    for (name,), own in predictions.group_by("evaluation_set", maintain_order=True):
        kept = own.join(leaked, on=keys, how="anti")
        seeds = own["seed"].n_unique()
        row = {"evaluation_set": name, "n_seeds": seeds, "n_evaluation": len(own) // seeds}
        row["n_leaked"] = (len(own) - len(kept)) // seeds
        scores = {"top1": own, "top1_without": kept}
        rows.append(row | {key: value for score, one in scores.items() for key, value in _score(score, one, seeds).items()})
    return pl.DataFrame(rows, schema=SCORES)


def _score(name: str, predictions: pl.DataFrame, seeds: int) -> dict[str, Any]:
    return _describe_share(name, int(predictions["correct_top1"].sum()) / seeds, len(predictions) // seeds)
