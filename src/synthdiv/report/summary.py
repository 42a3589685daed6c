"""Summarise a study's tables in sentences, with numbers and intervals.

Only results beyond noise have a sentence, apart from interventions, which say whether they are: a difference of accuracy if
it is significant after correction for multiple comparisons, one of Centroid Distance if the two intervals do not overlap, a
centroid-shift if its interval lies above 0, a suspected cause at a false discovery rate of 5 %. Each part of the page is a
function from tables to sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from synthdiv.diagnosis.accounts import INTERACTION, NOT_PRICED, TOTAL, select_first
from synthdiv.diagnosis.interventions import select_primary
from synthdiv.diagnosis.ladder import NO, WITHIN_NOISE, YES
from synthdiv.diagnosis.shortfalls import NOT_TESTED, PRICED, SUSPECTED, UNEXPLAINED, list_class_causes

SETTLED = (
    "Of the classes that fall short beyond noise, none has a suspected cause that is left to test. suspicions.csv has all "
    "suspicions."
)
MONOTONE = {
    YES: "No step gains: the ladder is monotone.",
    NO: "The ladder is not monotone: a step gains beyond noise.",
    WITHIN_NOISE: "A step gains, but not beyond noise: the ladder may be monotone.",
}
MOST_NAMES = 8


def percent(value: float) -> str:
    """Return a share as text, in percent."""
    return f"{100 * value:.1f} %"


def span(low: float | None, high: float | None, *, scale: float = 100, digits: int = 1) -> str:
    """Return the interval in brackets, or an empty text if there is none."""
    if low is None or high is None:
        return ""
    first, last = (round(scale * end, digits) + 0.0 for end in (low, high))  # no -0.0
    return f" [{first:.{digits}f}, {last:.{digits}f}]"


def list_names(names: Sequence[str], separator: str = ", ") -> str:
    """Return names for a sentence, only the first few of many."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return separator.join(names[:MOST_NAMES]) + more


def summarise_experiments(experiments: pl.DataFrame, differences: pl.DataFrame, natural: str) -> list[str]:
    """Summarise how well each generated set's centroids classify natural queries, compared with the natural set's own."""
    rows = experiments.filter((pl.col("query") == natural) & (pl.col("reference") != natural))
    own = experiments.filter((pl.col("query") == natural) & (pl.col("reference") == natural))
    if not len(own):
        return []
    first = own.row(0, named=True)
    bounds = span(first["centroid_accuracy_low"], first["centroid_accuracy_high"])
    sentences = [f"Class centroids of {natural} recognise {percent(first['centroid_accuracy'])}{bounds} of its own images."]
    changed = differences.filter((pl.col("metric") == "centroid_accuracy") & pl.col("differs"))
    for row in rows.iter_rows(named=True):
        found = _describe_difference(changed, "experiment", row["experiment"], first["experiment"])
        if found is None:
            continue
        sentences.append(f"Those of {row['reference']} recognise {percent(row['centroid_accuracy'])}: {found}.")
    return sentences


def summarise_diversity(distances: pl.DataFrame, natural: str) -> list[str]:
    """Summarise the sets whose Centroid Distance has an interval that does not overlap the natural set's."""
    train = distances.filter(pl.col("split") == "train")
    own = train.filter(pl.col("set") == natural)
    if not len(own):
        return []
    base = own.row(0, named=True)
    sentences = []
    for row in train.filter(pl.col("set") != natural).sort("centroid_distance").iter_rows(named=True):
        if None in (row["centroid_distance_low"], base["centroid_distance_low"]):
            continue
        apart = (
            row["centroid_distance_high"] < base["centroid_distance_low"]
            or row["centroid_distance_low"] > base["centroid_distance_high"]
        )
        if apart:
            bounds = span(row["centroid_distance_low"], row["centroid_distance_high"], scale=1, digits=4)
            own_angle, angle = (_find_angle(one["centroid_distance"]) for one in (row, base))
            sentences.append(
                f"Images of {row['set']} are {'less' if own_angle < angle else 'more'} varied than those of {natural}: "
                f"typically {own_angle:.0f}° from their class centroid, against {angle:.0f}° (Centroid Distance "
                f"{row['centroid_distance']:.4f}{bounds} against {base['centroid_distance']:.4f})."
            )
    return sentences


def _find_angle(centroid_distance: float) -> float:
    """Return the angle, in degrees, of an image whose (1 - cosine)^2 with its centroid is this mean."""
    return math.degrees(math.acos(1 - math.sqrt(centroid_distance)))


def summarise_split(split: pl.DataFrame, natural: str | None, reference: str | None) -> list[str]:
    """Summarise the sets whose error includes a centroid-shift, with both parts of the error."""
    whole = split.filter((pl.col("reference") == reference) & pl.col("class_id").is_null())
    sentences = []
    for row in whole.iter_rows(named=True):
        if row["set"] == natural or row["shift_low"] <= 0:
            continue
        error = percent(row["error"]) + span(row["error_low"], row["error_high"])
        shift = f"{100 * row['shift']:.1f} points{span(row['shift_low'], row['shift_high'])}"
        sentences.append(
            f"{error} of {row['set']}'s images are nearest to another class of {reference}: {shift} are centroid-shift, "
            f"{100 * row['own_error']:.1f} points are also wrong by the set's own centroids."
        )
    return sentences


def summarise_choice(selection: pl.DataFrame, accounts: pl.DataFrame) -> list[str]:
    """Summarise which training set is best on the images that choose, and how far it is behind natural images on others."""
    sentences = []
    for (name,), own in selection.group_by("classifier", maintain_order=True):
        best = own.filter("best").row(0, named=True)
        close = own.filter(~pl.col("best") & pl.col("may_be_best").cast(pl.Boolean).fill_null(True))["train_set"].to_list()
        others = f"; {list_names(close)} may be as good" if close else ""
        sentences.append(
            f"{best['train_set']} is the best of {len(own)} training sets for {name}: {percent(best['top1'])} on "
            f"{best['n_images']} images of {best['selection_set']} that only serve to choose{others}."
        )
        total = select_first(accounts).filter(classifier=name, train_set=best["train_set"], kind=TOTAL)
        for row in total.filter(pl.col("natural").is_not_null()).iter_rows(named=True):
            sentences.append(f"On the evaluation images of {row['evaluation_set']}, it is {describe_shortfall(row)}.")
    return sentences


def describe_shortfall(row: Mapping) -> str:
    """Return how far a training set is behind another one, or ahead of it, from the total of its account."""
    low, high = row["gain_low"], row["gain_high"]
    if row["gain"] > 0:
        return f"{100 * row['gain']:.1f} points{span(low, high)} ahead of {row['base']}"
    bounds = "" if low is None else span(-high, -low)
    return f"{abs(100 * row['gain']):.1f} points{bounds} behind {row['base']}"


def summarise_accounts(accounts: pl.DataFrame) -> list[str]:
    """Summarise where the accuracy of each training set is lost, on each classifier's first evaluation set."""
    sentences = []
    for (classifier, name), own in select_first(accounts).group_by("classifier", "train_set", maintain_order=True):
        total, *steps = own.to_dicts()
        parts = [_describe_step(step) for step in steps if step["kind"] != INTERACTION]
        interactions = [
            f"{step['note'].capitalize()}: {100 * step['gain']:+.1f} points{span(step['gain_low'], step['gain_high'])}."
            for step in steps
            if step["kind"] == INTERACTION
        ]
        order = next((f"{step['order']}, " for step in steps if step["order"]), "")
        sentence = f"{name} is {describe_shortfall(total)} ({classifier}, evaluated on {total['evaluation_set']})"
        sentences.append(" ".join([f"{sentence}: {order}{'; '.join(parts)}.", *interactions]))
    return sentences


def _describe_step(step: Mapping) -> str:
    points = f"{100 * step['gain']:+.1f} points{span(step['gain_low'], step['gain_high'])}"
    if step["kind"] == NOT_PRICED:
        note = f" ({step['note']})" if step["note"] else ""
        return f"{points} from {step['base']} to {step['changed']}, which no intervention prices{note}"
    return f"{points} by {step['setting']}, {step['before']} to {step['after']}"


def summarise_ladder(ladder: pl.DataFrame) -> list[str]:
    """Summarise at which steps between natural and generated images accuracy is lost, on the first evaluation set."""
    total, *steps = select_first(ladder).to_dicts()
    listed = [f"{step['changes']} ({100 * step['gain']:+.1f}{span(step['gain_low'], step['gain_high'])})" for step in steps]
    head = (
        f"{total['changed']} is {describe_shortfall(total)} ({total['classifier']}, evaluated on {total['evaluation_set']})"
    )
    monotone = MONOTONE.get(total["monotone"])
    return [f"{head}, in points: {'; '.join(listed)}.", *([] if monotone is None else [monotone])]


def summarise_shortfalls(shortfalls: pl.DataFrame) -> list[str]:
    """Summarise which classes fall short after training on each set, those that lose most first, and what is known."""
    sentences = []
    for (classifier, name), own in shortfalls.group_by("classifier", "train_set", maintain_order=True):
        if (own["finding"] == NOT_TESTED).all():
            continue
        short = own.filter(pl.col("finding").is_in([PRICED, SUSPECTED, UNEXPLAINED]))
        short = short.sort("shortfall", descending=True, maintain_order=True)
        classes = [_describe_shortfall_of_class(row) for row in short.iter_rows(named=True)]
        listed = f": {list_names(classes, '; ')}" if classes else ""
        sentences.append(f"{name} ({classifier}): {len(short)} of {len(own)} classes fall short beyond noise{listed}.")
    return sentences


def _describe_shortfall_of_class(row: Mapping) -> str:
    points = f"{row['name']} by {100 * row['shortfall']:.1f} points{span(row['shortfall_low'], row['shortfall_high'])}"
    if row["finding"] == PRICED:
        return f"{points}, most by {row['setting']}, {row['before']} to {row['after']} ({100 * row['cost']:.1f})"
    return f"{points}, {row['finding']}{': ' + row['suspected'] if row['finding'] == SUSPECTED else ''}"


def summarise_shortcut(shortcut: pl.DataFrame) -> list[str]:
    """Summarise what happens to generated classes in a training set whose other classes are natural."""
    sentences = []
    for row in shortcut.iter_rows(named=True):
        pushed = f"{100 * row['pushed']:+.1f} points{span(row['pushed_low'], row['pushed_high'])}"
        loss = f"{100 * row['loss']:.1f} points{span(row['loss_low'], row['loss_high'])}"
        is_found = row["pushed_low"] is not None and row["pushed_low"] > 0
        advice = ": do not fill up some classes of a training set with generated images" if is_found else ""
        sentences.append(
            f"If half of the classes have images of {row['set']} and the others natural ones, the first half loses {loss} "
            f"of recall, and {pushed} of its natural images are predicted as classes of the other half "
            f"({row['classifier']}){advice}."
        )
    return sentences


def summarise_interventions(interventions: pl.DataFrame) -> list[str]:
    """Summarise what training gains from each intervention, on the evaluation set on which they are tested: the first."""
    sentences = []
    verdict = {True: "", False: ", not beyond noise", None: " (no interval: it needs several training seeds)"}
    for row in select_primary(interventions).iter_rows(named=True):
        gain = f"{100 * row['gain']:+.1f} points{span(row['gain_low'], row['gain_high'])}"
        sentences.append(
            f"{row['setting']}, {row['before']} to {row['after']} ({row['base']} to {row['changed']}): {gain} of "
            f"{row['classifier']}'s accuracy on {row['evaluation_set']}{verdict[row['differs']]}."
        )
    return sentences


def find_unfit(experiments: pl.DataFrame, natural: str, reference: str | None, n_classes: int) -> dict[str, str]:
    """Find what the encoder cannot judge: sets whose class centroids recognise natural images no better than chance.

    Parameters
    ----------
    experiments : polars.DataFrame
        The matrix of the first encoder.
    natural : str
        The natural set.
    reference : str or None
        The first set of prompts, or the natural set.
    n_classes : int

    Returns
    -------
    dict of str to str
        Under "images" or "texts", a sentence; empty if nothing speaks against the suspected causes.
    """
    found = {}
    for kind, what, name, advice in (
        ("images", "Suspected causes", natural, "use another encoder"),
        ("texts", "The cause of wrong images", reference, "use another encoder, or prompts with its wording"),
    ):
        row = next(experiments.filter(query=natural, reference=name).iter_rows(named=True), None)
        if row is not None and row["centroid_accuracy_low"] <= 1 / n_classes:
            bounds = span(row["centroid_accuracy_low"], row["centroid_accuracy_high"])
            found[kind] = (
                f"{what} cannot be judged: class centroids of {name} recognise "
                f"{percent(row['centroid_accuracy'])}{bounds} of the images of {natural}, and chance "
                f"{percent(1 / n_classes)}: {advice}."
            )
    return found


def summarise_suspicions(
    suspicions: pl.DataFrame, causes: pl.DataFrame, shortfalls: pl.DataFrame | None, unfit: Mapping[str, str]
) -> list[str]:
    """Summarise what the encoder cannot judge, then the suspected causes of each set, with their classes and their test.

    Classes are left out that training has shown not to fall short, whose shortfall has a price, or all of whose suspected
    causes an intervention has tested.
    """
    if shortfalls is not None:
        settled = shortfalls.filter(~pl.col("finding").is_in([SUSPECTED, NOT_TESTED]))
        settled = settled.select(pl.col("train_set").alias("set"), "class_id").unique()
        causes = causes.join(settled.cast({"class_id": causes["class_id"].dtype}), on=["set", "class_id"], how="anti")
    sentences = list(unfit.values())
    rows = causes.drop("cause").join(list_class_causes(causes), on=["set", "class_id"], maintain_order="right")
    for (name, cause), tests in suspicions.group_by("set", "cause", maintain_order=True):
        found = rows.filter(set=name, cause=cause)
        if len(found):
            listed = [_describe_class(row, str(cause)) for row in found.iter_rows(named=True)]
            head = f"{name}: {cause} in {len(found)} of {tests['n_classes'][0]} classes: {list_names(listed)}."
            sentences.append(" ".join([head, *map(_describe_test, tests.iter_rows(named=True))]))
    return sentences if sentences or shortfalls is None else [SETTLED]


def _describe_test(row: Mapping) -> str:
    if row["tested_by"] is None:
        images = f" ({row['n_images']:,} images)" if row["n_images"] else ""
        return f"To test it: {row['test']}{images}."
    gain = f"{100 * row['gain']:+.1f} points{span(row['gain_low'], row['gain_high'])}"
    verdict = {None: "", "right": ": the suspicion was right", "wrong": ": the suspicion was wrong"}
    verdict |= {"confounded": f", but more of them are suspected of {row['also_worse']}: no verdict"}
    of = "" if row["n_suspected"] == row["n_classes"] else f" of the {row['n_suspected']} suspected classes"
    return (
        f"Tested by {row['tested_by']} ({row['setting']}, {row['before']} to {row['after']}): {gain}{of} for "
        f"{row['classifier']}{verdict.get(row['verdict'], ', not beyond noise')}."
    )


def _describe_class(row: Mapping, cause: str) -> str:
    predicted = f"classified as {row['predicted_class']}, {percent(row['predicted_class_share'])}"
    if cause == "ambiguity":
        return f"{row['name']} ({predicted}; “{row['best_text']}” retrieves the class)"
    if cause in ("adherence", "wrong images"):
        return f"{row['name']} ({predicted})"
    parts = []
    if cause == "diversity" and row["spread_ratio"] is not None:
        parts.append(f"{row['spread_ratio']:.2f} times the natural spread")
    if cause == "diversity" and row["repeated"] > row["natural_repeated"]:
        parts.append(f"{percent(row['repeated'])} repeated")
    return f"{row['name']} ({', '.join(parts)})" if parts else row["name"]


def summarise_classifiers(means: pl.DataFrame, differences: pl.DataFrame, natural: str) -> list[str]:
    """Summarise accuracy on natural images when trained on each set, if it differs from training on natural images."""
    sentences = []
    rows = means.filter(pl.col("evaluation_set") == natural)
    for (name,), own in rows.partition_by("classifier", maintain_order=True, as_dict=True).items():
        base = own.filter(pl.col("train_set") == natural)
        if not len(base):
            continue
        first = base.row(0, named=True)
        bounds = span(first["top1_low"], first["top1_high"])
        sentences.append(f"{name} trained on {natural} reaches {percent(first['top1'])}{bounds} on its evaluation images.")
        changed = differences.filter(
            (pl.col("classifier") == name) & (pl.col("evaluation_set") == natural) & pl.col("differs")
        )
        for row in own.filter(pl.col("train_set") != natural).sort("top1", descending=True).iter_rows(named=True):
            found = _describe_difference(changed, "train_set", row["train_set"], first["train_set"])
            if found is not None:
                sentences.append(f"Trained on {row['train_set']}: {percent(row['top1'])}, {found}.")
    return sentences


def summarise_transfer(means: pl.DataFrame, natural: str) -> list[str]:
    """Summarise accuracy of frozen features on transfer sets, if it differs from training on natural images."""
    sentences = []
    for (name, encoder), own in means.partition_by("transfer_set", "encoder", maintain_order=True, as_dict=True).items():
        for first in own.filter(train_set=natural).iter_rows(named=True):
            bounds = span(first["top1_low"], first["top1_high"])
            sentences.append(
                f"On {name}, frozen features of {encoder} trained on {natural} reach {percent(first['top1'])}{bounds}."
            )
        changed = own.filter(pl.col("differs").fill_null(False)).sort("top1", descending=True)
        for row in changed.iter_rows(named=True):
            bounds = span(row["difference_low"], row["difference_high"])
            sentences.append(
                f"On {name}, {encoder} trained on {row['train_set']}: {percent(row['top1'])}, "
                f"{100 * row['difference']:+.1f} points{bounds}."
            )
    return sentences


def _describe_difference(changed: pl.DataFrame, column: str, own: object, other: object) -> str | None:
    """Return own minus other in points, with the interval; None if no row contains this pair."""
    for row in changed.iter_rows(named=True):
        pair = row[f"{column}_a"], row[f"{column}_b"]
        if pair in ((own, other), (other, own)):
            sign = 1 if pair[0] == own else -1
            low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
            return f"{100 * sign * row['difference']:+.1f} points{span(low, high)}"
    return None


def summarise_leakage(leakage: pl.DataFrame) -> list[str]:
    """Summarise which images splits share, leaked evaluation images first, copies of natural images and repetitions next."""
    found = leakage.filter(pl.col("n_duplicates") > 0)
    is_leak = (pl.col("split") == "evaluation") & (pl.col("other_split") == "train")
    is_repetition = (pl.col("set") == pl.col("other_set")) & (pl.col("split") == pl.col("other_split"))
    parts = (found.filter(is_leak), found.filter(~is_leak & ~is_repetition), found.filter(is_repetition))
    endings = (
        "are also in the training split of {other_set}",
        "are also natural images of {other_set}'s training split",
        "are there more than once",
    )
    sentences = [
        _describe_duplicates(row, ending)
        for part, ending in zip(parts, endings, strict=True)
        for row in part.iter_rows(named=True)
    ]
    return sentences or ["No image is in two of the compared splits, or twice in one."]


def _describe_duplicates(row: Mapping, ending: str) -> str:
    same = "as the same file" if row["correlation_limit"] is not None else "with an equal vector"
    kinds = {"n_exact": same, "n_near": "as the same picture", "n_crops": "as a crop"}
    counts = ", ".join(f"{row[column]} {words}" for column, words in kinds.items() if row[column])
    split = {"train": "training", "evaluation": "evaluation"}[row["split"]]
    bounds = span(row["duplicate_share_low"], row["duplicate_share_high"])
    share = f"{percent(row['duplicate_share'])}{bounds}"
    return f"{share} of the {split} images of {row['set']} {ending.format(**row)}: {counts} (of {row['n_images']})."


def summarise_leaked_accuracy(accuracy: pl.DataFrame) -> list[str]:
    """Summarise the accuracies on evaluation sets with leaked images, with and without these."""
    sentences = []
    for row in accuracy.filter(pl.col("n_leaked") > 0).iter_rows(named=True):
        without = "no image is left without them"
        if row["top1_without"] is not None:
            bounds = span(row["top1_without_low"], row["top1_without_high"])
            without = f"{percent(row['top1_without'])}{bounds} without them"
        sentences.append(
            f"{row['classifier']} trained on {row['train_set']} was trained on {row['n_leaked']} of the "
            f"{row['n_evaluation']} evaluation images of {row['evaluation_set']}: it reaches "
            f"{percent(row['top1'])} with them, {without}."
        )
    return sentences


def summarise_claims(claims: pl.DataFrame) -> list[str]:
    """Summarise which published claims hold and fail, one sentence per claim; each comparison is in claims.csv."""
    sentences = []
    for (claim, source), rows in claims.partition_by("claim", "source", maintain_order=True, as_dict=True).items():
        parts = []
        for verdict in ("holds", "fails", "undecided"):
            found = rows.filter(verdict=verdict)
            if len(found):
                parts.append(f"{verdict} in {len(found)}{_describe_values(found)}")
        if (rows["verdict"] != "undecided").any() and parts:
            count = f"{len(rows)} comparison{'' if len(rows) == 1 else 's'}"
            sentences.append(f"{claim.rstrip('.')} ({source}): of {count}, {'; '.join(parts)}.")
    return sentences


def _describe_values(rows: pl.DataFrame) -> str:
    values = sorted(rows["value"].drop_nulls().to_list())
    if not values:
        return ""
    if len(rows) == 1:
        return f" ({values[0]:.3f}{span(rows['low'][0], rows['high'][0], scale=1, digits=3)})"
    return f" ({values[0]:.3f} to {values[-1]:.3f})"


def summarise_audit(audit: pl.DataFrame) -> list[str]:
    """Summarise the contradictions that the audit found."""
    found = audit.filter(pl.col("verdict") == "contradiction")
    return [f"{row['source']}, {row['check']}, {row['where']}: {row['reason']}" for row in found.iter_rows(named=True)]
