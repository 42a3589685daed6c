"""List the suspected causes of each set with what tests them: an intervention that was trained, or one that could be.

Embeddings only suspect. An intervention tests a suspicion if it acts on the cause, and leads from the set to one that
deviates less from natural images. What it gains says whether the suspicion was right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from synthdiv.diagnosis.causes import CAUSES, WRONG
from synthdiv.diagnosis.interventions import select_primary
from synthdiv.diagnosis.shortfalls import TESTED_BY, list_class_causes
from synthdiv.diagnosis.wrong_images import KINDS
from synthdiv.jobs.diagnosis import SuspectedSet

RIGHT, FALSE, WITHIN_NOISE = "right", "wrong", "not beyond noise"
LEAST_SCALE = 1.0
"""The guidance scale at which a generator is not guided."""
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("set", "cause"), pl.String),
    **dict.fromkeys(("n_suspected", "n_classes"), pl.Int64),
    **dict.fromkeys(("p_adjusted", "hit_rate", "false_rate"), pl.Float64),
    **dict.fromkeys(("classifier", "tested_by", "setting", "before", "after"), pl.String),
    **dict.fromkeys(("gain", "gain_low", "gain_high"), pl.Float64),
    **dict.fromkeys(("verdict", "test", "config_lines"), pl.String),
    "n_images": pl.Int64,
}


def tabulate_suspicions(
    causes: pl.DataFrame,
    deviations: pl.DataFrame,
    interventions: pl.DataFrame | None,
    sets: Sequence[SuspectedSet],
    planted: pl.DataFrame,
) -> pl.DataFrame:
    """Tabulate the suspected causes of each set, and what tests each.

    Parameters
    ----------
    causes, deviations : polars.DataFrame
        From :func:`synthdiv.diagnosis.causes.diagnose_sets`.
    interventions : polars.DataFrame or None
        From :func:`synthdiv.diagnosis.interventions.measure_interventions`.
    sets : sequence of SuspectedSet
    planted : polars.DataFrame
        What `make calibrate-diagnosis` found of planted deviations.

    Returns
    -------
    polars.DataFrame
        Columns of ``SCHEMA``: one row per set and suspected cause, and per classifier that has tested it. ``gain`` is what
        the classifier gains from leaving the set; the verdict is "right" if it is positive beyond noise, "wrong" if
        negative beyond noise. An untested suspicion has a ``test`` instead, in words, with lines for the config and the
        number of images to generate.
    """
    rows: list[dict[str, Any]] = []
    each = list_class_causes(causes)
    primary = None if interventions is None else select_primary(interventions)
    for one in sets:
        own = causes.filter(set=one.name)
        for cause in CAUSES:
            suspected = own.join(each.filter(set=one.name, cause=cause), on="class_id", how="semi")
            if not len(suspected):
                continue
            row = {"set": one.name, "cause": cause, "n_suspected": len(suspected), "n_classes": len(own)}
            row |= {"p_adjusted": _find_deviation(deviations, one.name, cause)["p_adjusted"]}
            row |= measure_reliability(planted, cause)
            tests = [] if primary is None else _list_tests(primary, deviations, one.name, cause)
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


def _find_deviation(deviations: pl.DataFrame, set_name: str, cause: str) -> Mapping[str, Any]:
    test = WRONG if cause in KINDS else cause
    return deviations.row(by_predicate=(pl.col("set") == set_name) & (pl.col("deviation") == test), named=True)


def _list_tests(interventions: pl.DataFrame, deviations: pl.DataFrame, set_name: str, cause: str) -> list[dict[str, Any]]:
    """Return the intervention of each classifier that tests a suspicion: if there are several, the strongest."""
    own = _find_deviation(deviations, set_name, cause)
    tests: dict[str, tuple[float, dict[str, Any]]] = {}
    sign = -1 if cause == "visual domain" else 1
    for row in interventions.filter(pl.col("acts_on").is_in(TESTED_BY[cause])).iter_rows(named=True):
        if set_name not in (row["base"], row["changed"]):
            continue
        is_base = row["base"] == set_name
        other = row["changed" if is_base else "base"]
        if other not in deviations["set"]:
            continue
        improvement = sign * (_find_deviation(deviations, other, cause)["value"] - own["value"])
        if improvement <= tests.get(row["classifier"], (0.0, {}))[0]:
            continue
        gain, low, high = row["gain"], row["gain_low"], row["gain_high"]
        before, after = row["before"], row["after"]
        if not is_base:
            gain, low, high = -gain, None if high is None else -high, None if low is None else -low
            before, after = after, before
        verdict = (
            WITHIN_NOISE if row["differs"] is False else {None: None, True: RIGHT if gain > 0 else FALSE}[row["differs"]]
        )
        found = {"classifier": row["classifier"], "tested_by": other, "setting": row["setting"], "verdict": verdict}
        found |= {"before": before, "after": after, "gain": gain, "gain_low": low, "gain_high": high}
        tests[row["classifier"]] = improvement, found
    return [found for _, found in tests.values()]


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
    advice = {"test": ADVICE[cause], "config_lines": None, "n_images": None}
    if one.dataset is None or one.guidance_scale is None:
        return advice
    if cause == "ambiguity":
        overrides = suspected.select("key", prompt="best_text")
        return advice | {"config_lines": overrides.write_csv().strip(), "n_images": one.images_per_class * len(suspected)}
    if cause not in FACTORS:
        return advice
    scale = round(max(LEAST_SCALE, FACTORS[cause] * one.guidance_scale), 2)
    if scale == one.guidance_scale:
        return advice
    name = f"{one.name}-g{scale:g}"
    scales = ", ".join(f"{value:g}" for value in sorted({*one.scales, scale}))
    lines = [
        f"datasets: {{{one.dataset}: {{guidance_scales: [{scales}]}}}}",
        f"sets: {{{name}: {{kind: image, dataset: {one.dataset}, guidance_scale: {scale:g}}}}}",
        *(f"classifiers: {{{classifier}: {{train: [..., {name}]}}}}" for classifier in one.classifiers),
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
FACTORS = {"adherence": 2.0, "diversity": 0.5}
"""By how much a proposed guidance scale differs from the set's."""
