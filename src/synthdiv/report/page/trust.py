"""Whether to trust the page: what speaks against the encoder, the images, the seeds and the study as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from synthdiv.jobs.report import WriteSummary
from synthdiv.report.page.forest import Forest
from synthdiv.report.page.numbers import Tables, count, points
from synthdiv.report.summary import find_unfit, percent

Part = tuple[str, list[str]]
"""A heading, and sentences."""


def list_trust(
    tables: Tables,
    job: WriteSummary,
    forests: Sequence[Forest],
    versions: Mapping[str, str],
    findings: Sequence[Part],
) -> list[Part]:
    """Return the parts of the section.

    Parameters
    ----------
    tables : Tables
    job : WriteSummary
    forests : sequence of Forest
    versions : mapping of str to str
        The versions of packages.
    findings : sequence of (str, sentences)
        What the study found about images that sets share, published claims and contradictions.
    """
    unfit = (
        []
        if job.natural is None
        else list(find_unfit(tables["experiments"], job.natural, job.reference, len(job.class_names)).values())
    )
    parts = [
        ("Encoder", unfit + _say_fitness(tables, job, unfit) + _say_agreement(tables)),
        ("Seeds and sizes", _say_sizes(forests) + _say_natural_images(tables)),
        *findings,
        ("Versions", [", ".join(f"{name} {version}" for name, version in versions.items()) + "."] if versions else []),
    ]
    return [part for part in parts if part[1]]


def _say_fitness(tables: Tables, job: WriteSummary, unfit: Sequence[str]) -> list[str]:
    if job.natural is None:
        return ["There is no natural set, so it is not known how well the encoder recognises these classes."]
    rows = tables["experiments"].filter(query=job.natural, reference=job.natural)["centroid_accuracy"]
    if not len(rows):
        return []
    chance = percent(1 / len(job.class_names))
    sentences = [
        f"By class centroids, the encoder recognises {percent(rows[0])} of the natural images of {job.natural}, and "
        f"chance would recognise {chance}."
    ]
    if "causes" in tables and not unfit:
        worst = _find_worst(tables["causes"], "natural_accuracy")
        if worst is not None:
            sentences.append(
                f"Of all classes, it recognises natural images of {worst}: suspicions about such classes are weak."
            )
        texts = tables["causes"].drop_nulls("natural_prompted")
        if len(texts):
            means = texts.group_by("set", maintain_order=True).agg(mean=pl.col("natural_prompted").mean())
            best = means.sort("mean", descending=True, maintain_order=True)["set"][0]
            worst = _find_worst(texts.filter(set=best), "natural_prompted")
            sentences.append(f"By the prompts of {best} instead of centroids, it recognises natural images of {worst}.")
    return sentences


def _find_worst(causes: pl.DataFrame, column: str) -> str | None:
    """Return the class with the smallest share in a column, and this share."""
    rows = causes.drop_nulls(column).unique("class_id").sort(column, "class_id").head(1).to_dicts()
    return f"{rows[0]['name']} worst ({percent(rows[0][column])})" if rows else None


def _say_agreement(tables: Tables) -> list[str]:
    if "encoder_agreement" not in tables:
        return ["One encoder was used: no other one could contradict it."]
    return [
        f"{row['metric']}: {row['other_encoder']} and {row['encoder']} put {row['n_agreed']} of "
        f"{row['n_clear_pairs_in_other']} pairs that clearly differ with both in the same order, and "
        f"{row['n_reversed']} in opposite ones."
        for row in tables["encoder_agreement"].to_dicts()
    ]


def _say_sizes(forests: Sequence[Forest]) -> list[str]:
    found = []
    for one in forests:
        seeds = sorted({row.n_seeds for row in one.rows if row.n_seeds is not None})
        sizes = sorted({row.n_train for row in one.rows if row.n_train is not None})
        trained = " to ".join(f"{size:,}" for size in (sizes if len(sizes) < 2 else (sizes[0], sizes[-1])))
        several = " to ".join(str(number) for number in (seeds if len(seeds) < 2 else (seeds[0], seeds[-1])))
        sentence = f"{one.classifier}: {count(len(one.rows), 'training set')}"
        sentence += f" of {trained} images" if trained else ""
        sentence += f", {several} training seed{'' if several == '1' else 's'} each" if several else ""
        sentence += f", evaluated on {count(one.n_images, 'image')} of {one.evaluation_set}."
        if one.detectable is not None:
            detectable = points(one.detectable, signed=False)
            sentence += f" A set that is {detectable} points behind the best would be found with 80 % probability."
        found.append(sentence)
    return found or ["No classifier was trained."]


def _say_natural_images(tables: Tables) -> list[str]:
    if "natural_images" not in tables:
        return []
    columns = ("n_found", "n_used", "n_undecodable", "n_left_out")
    sums = tables["natural_images"].group_by("set", "split", maintain_order=True).agg(pl.col(columns).sum())
    return [
        f"{row['set']}, {row['split']}: {row['n_used']:,} of {row['n_found']:,} natural images are used"
        + (f"; {row['n_undecodable']:,} cannot be decoded" if row["n_undecodable"] else "")
        + (f"; {row['n_left_out']:,} were left out" if row["n_left_out"] else "")
        + "."
        for row in sums.to_dicts()
    ]
