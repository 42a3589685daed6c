"""A study in a page of words: each sentence is made from the tables, with its numbers and intervals.

What is not beyond noise is not said: a difference of accuracy has a sentence if it differs after the correction for many
comparisons, one of Centroid Distance if two intervals lie apart, a centroid-shift if its interval lies above 0, a cause if
it is surer than :data:`synthdiv.diagnosis.causes.CONFIDENT`. Each part of the page is a function from tables to sentences.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from synthdiv.diagnosis.causes import CAUSES
from synthdiv.report.pages import make_page

CURES = {
    "ambiguity": "clarify their prompts in an overrides table",
    "adherence": "look at their images: the generator draws something else than the prompt says",
    "concept not represented": "the generator or CLIP does not know them: a LoRA, another model, or natural images",
    "visual domain": "ask for photographs in the prompt",
    "diversity": "lower the guidance scale, or vary the prompts",
}
MOST_NAMES = 8
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 1.5rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.4rem 0 0.3rem; }
ul { padding-left: 1.2rem; margin: 0; } li { margin: 0.25rem 0; } p.note { color: #555; }
"""
NOTE = """
<p class="note">Each sentence is made from the study's tables. In brackets: 95 % intervals, in points where the figure is in
percent. What is not beyond noise is left out: differences of accuracy after correction for many comparisons, differences of
Centroid Distance and centroid-shift by their intervals.</p>
"""


def percent(value: float) -> str:
    """A share as people read it."""
    return f"{100 * value:.1f} %"


def span(low: float | None, high: float | None, *, scale: float = 100, digits: int = 1) -> str:
    """The interval in brackets; nothing where there is none."""
    return "" if low is None or high is None else f" [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


def list_names(names: Sequence[str]) -> str:
    """Names in a sentence: a few of many."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def summarise_experiments(experiments: pl.DataFrame, differences: pl.DataFrame, natural: str) -> list[str]:
    """How each drawn set's centroids serve natural queries, against the natural set's own."""
    rows = experiments.filter((pl.col("query") == natural) & (pl.col("reference") != natural))
    own = experiments.filter((pl.col("query") == natural) & (pl.col("reference") == natural))
    if not len(own):
        return []
    first = own.row(0, named=True)
    bounds = span(first["centroid_accuracy_low"], first["centroid_accuracy_high"])
    said = [f"Its own class centroids recognise {percent(first['centroid_accuracy'])}{bounds} of {natural}'s images."]
    changed = differences.filter((pl.col("figure") == "centroid_accuracy") & pl.col("differs"))
    for row in rows.iter_rows(named=True):
        found = _describe_difference(changed, "experiment", row["experiment"], first["experiment"])
        if found is None:
            continue
        said.append(f"Those of {row['reference']} recognise {percent(row['centroid_accuracy'])}: {found}.")
    return said


def summarise_diversity(distances: pl.DataFrame, natural: str) -> list[str]:
    """Sets whose Centroid Distance lies apart from the natural set's, interval from interval."""
    train = distances.filter(pl.col("split") == "train")
    own = train.filter(pl.col("set") == natural)
    if not len(own):
        return []
    base = own.row(0, named=True)
    said = []
    for row in train.filter(pl.col("set") != natural).sort("centroid_distance").iter_rows(named=True):
        if None in (row["centroid_distance_low"], base["centroid_distance_low"]):
            continue
        apart = (
            row["centroid_distance_high"] < base["centroid_distance_low"]
            or row["centroid_distance_low"] > base["centroid_distance_high"]
        )
        if apart:
            bounds = span(row["centroid_distance_low"], row["centroid_distance_high"], scale=1, digits=4)
            ratio = row["centroid_distance"] / base["centroid_distance"]
            said.append(
                f"{row['set']} is {ratio:.2f} times as varied as {natural} "
                f"(Centroid Distance {row['centroid_distance']:.4f}{bounds} against {base['centroid_distance']:.4f})."
            )
    return said


def summarise_split(split: pl.DataFrame, natural: str | None, reference: str | None) -> list[str]:
    """Sets whose error holds a centroid-shift, and what of it."""
    whole = split.filter((pl.col("reference") == reference) & pl.col("class_id").is_null())
    said = []
    for row in whole.iter_rows(named=True):
        if row["set"] == natural or row["shift_low"] <= 0:
            continue
        error = percent(row["error"]) + span(row["error_low"], row["error_high"])
        shift = f"{100 * row['shift']:.1f} points{span(row['shift_low'], row['shift_high'])}"
        said.append(
            f"{error} of {row['set']}'s images are nearest to another class of {reference}: {shift} are centroid-shift, "
            f"{100 * row['own_error']:.1f} points are wrong by the set's own centroids, too."
        )
    return said


def summarise_causes(causes: pl.DataFrame) -> list[str]:
    """The causes of each set, their classes, and what cures them."""
    said = []
    for (name,), own in causes.partition_by("set", maintain_order=True, as_dict=True).items():
        for cause in CAUSES[:-1]:
            found = own.filter(pl.col("cause") == cause).sort("confidence", descending=True, maintain_order=True)
            if not len(found):
                continue
            listed = [_describe_class(row, cause) for row in found.iter_rows(named=True)]
            said.append(f"{name}: {len(found)} of {len(own)} classes by {cause}: {list_names(listed)}. Try: {CURES[cause]}.")
    return said


def _describe_class(row: Mapping, cause: str) -> str:
    predicted = f"taken for {row['predicted_class']}, {percent(row['predicted_class_share'])}"
    if cause == "ambiguity":
        return f"{row['name']} ({predicted}; “{row['best_text']}” reads as the class)"
    if cause == "adherence":
        return f"{row['name']} ({predicted})"
    if cause == "diversity":
        return f"{row['name']} ({row['spread_ratio']:.2f} times natural)"
    return row["name"]


def summarise_classifiers(means: pl.DataFrame, differences: pl.DataFrame, natural: str) -> list[str]:
    """What training on each set gives on natural images, where it differs from training on those."""
    said = []
    rows = means.filter(pl.col("evaluation_set") == natural)
    for (name,), own in rows.partition_by("classifier", maintain_order=True, as_dict=True).items():
        base = own.filter(pl.col("train_set") == natural)
        if not len(base):
            continue
        first = base.row(0, named=True)
        bounds = span(first["top1_low"], first["top1_high"])
        said.append(f"{name} trained on {natural} reaches {percent(first['top1'])}{bounds} on its other images.")
        changed = differences.filter(
            (pl.col("classifier") == name) & (pl.col("evaluation_set") == natural) & pl.col("differs")
        )
        for row in own.filter(pl.col("train_set") != natural).sort("top1", descending=True).iter_rows(named=True):
            found = _describe_difference(changed, "train_set", row["train_set"], first["train_set"])
            if found is not None:
                said.append(f"Trained on {row['train_set']}: {percent(row['top1'])}, {found}.")
    return said


def summarise_transfer(means: pl.DataFrame, natural: str) -> list[str]:
    """What frozen features are worth on transfer sets, where they differ from those of training on natural images."""
    said = []
    for (name, encoder), own in means.partition_by("transfer_set", "encoder", maintain_order=True, as_dict=True).items():
        for first in own.filter(train_set=natural).iter_rows(named=True):
            bounds = span(first["top1_low"], first["top1_high"])
            said.append(
                f"On {name}, frozen features of {encoder} trained on {natural} reach {percent(first['top1'])}{bounds}."
            )
        changed = own.filter(pl.col("differs").fill_null(False)).sort("top1", descending=True)
        for row in changed.iter_rows(named=True):
            bounds = span(row["difference_low"], row["difference_high"])
            said.append(
                f"On {name}, {encoder} trained on {row['train_set']}: {percent(row['top1'])}, "
                f"{100 * row['difference']:+.1f} points{bounds}."
            )
    return said


def _describe_difference(changed: pl.DataFrame, column: str, own: object, other: object) -> str | None:
    """What one has more than the other, in points, with the interval; None if no row says that they differ."""
    for row in changed.iter_rows(named=True):
        pair = row[f"{column}_a"], row[f"{column}_b"]
        if pair in ((own, other), (other, own)):
            sign = 1 if pair[0] == own else -1
            low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
            return f"{100 * sign * row['difference']:+.1f} points{span(low, high)}"
    return None


def summarise_claims(claims: pl.DataFrame) -> list[str]:
    """What holds and what fails here of what two papers claim, a sentence a claim; each comparison is in claims.csv."""
    said = []
    for (claim, source), rows in claims.partition_by("claim", "source", maintain_order=True, as_dict=True).items():
        parts = []
        for verdict in ("holds", "fails", "undecided"):
            found = rows.filter(verdict=verdict)
            if len(found):
                parts.append(f"{verdict} in {len(found)}{_describe_values(found)}")
        if (rows["verdict"] != "undecided").any() and parts:
            said.append(f"{claim.rstrip('.')} ({source}): of {_count(len(rows), 'comparison')}, {'; '.join(parts)}.")
    return said


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _describe_values(rows: pl.DataFrame) -> str:
    values = sorted(rows["value"].drop_nulls().to_list())
    if not values:
        return ""
    if len(rows) == 1:
        return f" ({values[0]:.3f}{span(rows['low'][0], rows['high'][0], scale=1, digits=3)})"
    return f" ({values[0]:.3f} to {values[-1]:.3f})"


def summarise_audit(audit: pl.DataFrame) -> list[str]:
    """The contradictions that the audit found."""
    found = audit.filter(pl.col("verdict") == "contradiction")
    return [f"{row['source']}, {row['check']}, {row['where']}: {row['reason']}" for row in found.iter_rows(named=True)]


def write_page(study: str, parts: Iterable[tuple[str, Sequence[str]]]) -> str:
    """The page: a heading and its sentences, part by part; a part without sentences says that nothing is beyond noise.

    Parameters
    ----------
    study : str
        Its name.
    parts : iterable of (heading, sentences)

    Returns
    -------
    str
        HTML that needs nothing else.
    """
    body = [f"<h1>{html.escape(study)}: why the drawn sets fall short</h1>", NOTE]
    for heading, sentences in parts:
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
        body.append(f"<h2>{html.escape(heading)}</h2>" + (f"<ul>{items}</ul>" if items else "<p>Nothing beyond noise.</p>"))
    return make_page(f"{study}: summary", STYLE, "\n".join(body))
