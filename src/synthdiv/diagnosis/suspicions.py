"""List the suspected causes of each set with what tests them: an intervention that was trained, or one that could be.

Embeddings only suspect. An intervention tests a suspicion if it acts on the cause, and leads from the set to one whose
images of the suspected classes deviate less from natural ones. What these classes gain says whether the suspicion was right.
If they gain nothing, but deviate more in another way, this may hide what the cause costs: then there is no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from synthdiv.diagnosis.causes import CAUSES, LEVEL, WRONG
from synthdiv.diagnosis.deviations import name_p_value
from synthdiv.diagnosis.interventions import select_primary
from synthdiv.diagnosis.shortfalls import TESTED_BY, list_class_causes
from synthdiv.diagnosis.wrong_images import KINDS
from synthdiv.jobs.diagnosis import SuspectedSet

RIGHT, FALSE, WITHIN_NOISE, CONFOUNDED = "right", "wrong", "not beyond noise", "confounded"
GAPS = {
    WRONG: pl.col("natural_accuracy") - pl.col("accuracy"),
    "diversity": pl.max_horizontal(1 - pl.col("spread_ratio"), pl.col("repeated") - pl.col("natural_repeated")),
    "visual domain": pl.col("displacement") - pl.col("natural_displacement"),
}
"""How far the images of a class deviate from natural ones, relative to natural images of the same number."""
LEAST_SCALE = 1.0
"""The guidance scale at which a generator is not guided."""
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("set", "cause"), pl.String),
    **dict.fromkeys(("n_suspected", "n_classes"), pl.Int64),
    **dict.fromkeys(("p_adjusted", "hit_rate", "false_rate"), pl.Float64),
    **dict.fromkeys(("classifier", "tested_by", "setting", "before", "after"), pl.String),
    **dict.fromkeys(("gain", "gain_low", "gain_high"), pl.Float64),
    **dict.fromkeys(("also_worse", "verdict", "test", "config_lines"), pl.String),
    "n_images": pl.Int64,
}


def tabulate_suspicions(
    causes: pl.DataFrame,
    deviations: pl.DataFrame,
    interventions: tuple[pl.DataFrame, pl.DataFrame] | None,
    sets: Sequence[SuspectedSet],
    planted: pl.DataFrame,
) -> pl.DataFrame:
    """Tabulate the suspected causes of each set, and what tests each.

    Parameters
    ----------
    causes, deviations : polars.DataFrame
        From :func:`synthdiv.diagnosis.causes.diagnose_sets`.
    interventions : (polars.DataFrame, polars.DataFrame) or None
        From :func:`synthdiv.diagnosis.interventions.measure_interventions`: of whole sets, and by class.
    sets : sequence of SuspectedSet
    planted : polars.DataFrame
        What `make calibrate-diagnosis` found of planted deviations.

    Returns
    -------
    polars.DataFrame
        Columns of ``SCHEMA``: one row per set and suspected cause, and per classifier that has tested it. ``gain`` is what
        the suspected classes gain in recall from leaving the set; if all are suspected, and for clarified texts, it is the
        set's gain in top-1. Its interval over some classes is the mean of theirs, which is at least as wide as their
        mean's. The verdict is "right" if it is above 0, "wrong" if below; otherwise "not beyond noise", or "confounded" if
        nothing is gained and another deviation is suspected of more of the classes (``also_worse``). An untested suspicion
        has a ``test`` instead, in words, with lines for the config and the number of images to generate.
    """
    rows: list[dict[str, Any]] = []
    each = list_class_causes(causes)
    for one in sets:
        own = causes.filter(set=one.name)
        for cause in CAUSES:
            suspected = own.join(each.filter(set=one.name, cause=cause), on="class_id", how="semi")
            if not len(suspected):
                continue
            row = {"set": one.name, "cause": cause, "n_suspected": len(suspected), "n_classes": len(own)}
            deviation = deviations.filter(set=one.name, deviation=_find_deviation(cause))
            row |= {"p_adjusted": deviation["p_adjusted"].item()}
            row |= measure_reliability(planted, cause)
            tests = [] if interventions is None else _list_tests(*interventions, causes, suspected, cause)
            rows += [row | test for test in tests] or [row | propose_test(one, cause, suspected, len(own))]
    return pl.DataFrame(rows, schema=SCHEMA)


def measure_reliability(planted: pl.DataFrame, cause: str) -> dict[str, float]:
    """Return how often a cause was found where it was strongly planted, and how often in classes in which nothing was.

    Parameters
    ----------
    planted : polars.DataFrame
        Columns plant, expected, is_strong, n_planted, hit_rate, n_others and "others: <cause>".
    cause : str

    Returns
    -------
    dict of str to float
        hit_rate and false_rate, over all plants and images.
    """
    expected = pl.col("expected").fill_null("").str.split(", ")
    own = expected.list.contains(cause) if cause == WRONG else pl.col("expected") == cause
    return {
        "hit_rate": _average(planted.filter(own, "is_strong"), "hit_rate", "n_planted"),
        "false_rate": _average(planted, f"others: {cause}", "n_others"),
    }


def _average(table: pl.DataFrame, values: str, weights: str) -> float:
    return table.select((pl.col(values) * pl.col(weights)).sum() / pl.col(weights).sum()).item()


def _find_deviation(cause: str) -> str:
    return WRONG if cause in KINDS else cause


def _list_tests(
    interventions: pl.DataFrame,
    by_class: pl.DataFrame,
    causes: pl.DataFrame,
    suspected: pl.DataFrame,
    cause: str,
) -> list[dict[str, Any]]:
    """Return the intervention of each classifier that tests a suspicion: if there are several, the strongest."""
    set_name, class_ids = suspected["set"][0], suspected["class_id"].to_list()
    tests: dict[str, tuple[float, dict[str, Any]]] = {}
    for row in select_primary(interventions).filter(pl.col("acts_on").is_in(TESTED_BY[cause])).iter_rows(named=True):
        if set_name not in (row["base"], row["changed"]):
            continue
        sign = 1 if row["base"] == set_name else -1
        other = row["changed" if sign == 1 else "base"]
        others = causes.filter(set=other)
        improvement = _measure_improvement(suspected, others, cause)
        if improvement <= tests.get(row["classifier"], (0.0, {}))[0]:
            continue
        before, after = (row["before"], row["after"])[::sign]
        found = {"classifier": row["classifier"], "tested_by": other, "setting": row["setting"], "before": before}
        found |= {"after": after, "also_worse": ", ".join(_list_worse(suspected, others, cause)) or None}
        # a clarified text leaves the images of other classes as they are, and these gain if they are no longer confused
        is_whole = cause == "ambiguity" or len(class_ids) == len(causes.filter(set=set_name))
        found |= _measure_gain(row, None if is_whole else by_class, class_ids, sign)
        if found["verdict"] in (FALSE, WITHIN_NOISE) and found["also_worse"]:
            found["verdict"] = CONFOUNDED
        tests[row["classifier"]] = improvement, found
    return [found for _, found in tests.values()]


def _measure_improvement(suspected: pl.DataFrame, other: pl.DataFrame, cause: str) -> float:
    """Return how much less the suspected classes deviate in another set, on average; 0 if it is not known."""
    gap = GAPS[_find_deviation(cause)].clip(lower_bound=0.0)
    pair = suspected.select("class_id", own=gap).join(other.select("class_id", other=gap), on="class_id")
    return pair.select((pl.col("own") - pl.col("other")).mean()).item() or 0.0


def _list_worse(suspected: pl.DataFrame, other: pl.DataFrame, cause: str) -> list[str]:
    """List the other deviations of which more of the classes are suspected in the other set, among those tested in both."""
    pair, found = suspected.join(other, on="class_id", suffix="_other"), []
    for deviation in GAPS:
        own = name_p_value(deviation)
        tested = pair.select(own, other=f"{own}_other").drop_nulls()
        if deviation != _find_deviation(cause) and (tested["other"] < LEVEL).sum() > (tested[own] < LEVEL).sum():
            found.append(deviation)
    return found


def _measure_gain(row: Mapping[str, Any], by_class: pl.DataFrame | None, class_ids: list[int], sign: int) -> dict[str, Any]:
    """Return what a set, or some of its classes, gain by an intervention, and the verdict; turned round if sign is -1."""
    bounds = [row["gain_low"], row["gain_high"]]
    gain, differs = row["gain"], row["differs"]
    if by_class is not None:
        keys = ("classifier", "evaluation_set", "base", "changed")
        own = by_class.filter(pl.col("class_id").is_in(class_ids), **{key: row[key] for key in keys})
        means = own.select(pl.col("gain", "gain_low", "gain_high").cast(pl.Float64).mean()).row(0)
        gain, bounds = means[0], list(means[1:])
        differs = None if None in bounds else bounds[0] > 0 or bounds[1] < 0
    low, high = (None if one is None else sign * one for one in bounds[::sign])
    verdict = {None: None, False: WITHIN_NOISE, True: RIGHT if sign * gain > 0 else FALSE}[differs]
    return {"gain": sign * gain, "gain_low": low, "gain_high": high, "verdict": verdict}


def propose_test(one: SuspectedSet, cause: str, suspected: pl.DataFrame, n_classes: int) -> dict[str, Any]:
    """Return the intervention that would test a suspicion: in words, as lines for the config, and its number of images.

    Parameters
    ----------
    one : SuspectedSet
    cause : str
    suspected : polars.DataFrame
        The rows of the table of causes of the suspected classes.
    n_classes : int
        Of the set. Another guidance scale changes all of them: no training set may mix styles between classes.
    """
    advice: dict[str, Any] = {"test": ADVICE[cause], "config_lines": None, "n_images": None}
    if one.dataset is None or one.guidance_scale is None:
        return advice
    if cause == "ambiguity":
        overrides = suspected.filter(pl.col("best_retrieval") > pl.col("retrieval")).select("key", prompt="best_text")
        proposed = {"config_lines": overrides.write_csv().strip(), "n_images": one.images_per_class * len(overrides)}
        return advice | proposed if len(overrides) else advice
    if cause not in FACTORS:
        return advice
    own = max(LEAST_SCALE, one.guidance_scale)
    scale = round(max(LEAST_SCALE, FACTORS[cause] * own), 2)
    if scale == own:
        return advice | {"test": UNGUIDED}
    name = f"{one.name}-g{scale:g}"
    scales = ", ".join(f"{value:g}" for value in sorted({*one.scales, scale}))
    trained = ", ".join(f"{classifier}: {{train: [..., {name}]}}" for classifier in one.classifiers)
    lines = [
        f"datasets: {{{one.dataset}: {{guidance_scales: [{scales}]}}}}",
        f"sets: {{{name}: {{kind: image, dataset: {one.dataset}, guidance_scale: {scale:g}}}}}",
        *([f"classifiers: {{{trained}}}"] if trained else []),
    ]
    test = f"{ADVICE[cause]}: guidance scale {scale:g} instead of {one.guidance_scale:g}, for all classes"
    return {"test": test, "config_lines": "\n".join(lines), "n_images": one.images_per_class * n_classes}


ADVICE = {
    "ambiguity": "clarify their prompts in an overrides table",
    "adherence": "raise the guidance scale",
    "concept not represented": "CLIP does not know them by these texts: use a LoRA, another model, or natural images",
    "wrong images": "look at their images",
    "diversity": "lower the guidance scale",
    "visual domain": "use a LoRA or another model, or ask for photographs in the prompt",
}
UNGUIDED = "vary the prompts, or use another model: the guidance scale cannot be lower"
FACTORS = {"adherence": 2.0, "diversity": 0.5}
"""By how much a proposed guidance scale differs from the set's."""
