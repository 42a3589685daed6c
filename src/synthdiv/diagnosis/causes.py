"""Suspect causes of a class's shortfall, from how its images deviate from natural ones.

The null hypothesis is what natural images do among themselves (:mod:`synthdiv.diagnosis.deviations`). First, the
deviations of whole sets are selected, at a false discovery rate of 5 % over sets and kinds of deviation; then the classes
within each (:mod:`synthdiv.stats.families`). A class can have several causes; ``CAUSES`` gives their order.

The kind of wrong images, ambiguity, adherence or concept not represented, is given if texts can be compared and the kind is
certain (:mod:`synthdiv.diagnosis.wrong_images`). Where natural images, or their texts, are recognised no better than by
chance, the encoder cannot judge: nothing is suspected, or no kind is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.deviations import TESTS, name_p_value
from synthdiv.diagnosis.wrong_images import CONFIDENT, KINDS
from synthdiv.stats.families import Families, adjust_families
from synthdiv.stats.intervals import wilson_interval

WRONG = TESTS[0]
CAUSES = (*KINDS, *TESTS)
"""The suspected causes; wrong images are a cause of their own where their kind is not known."""
NONE, NOT_TESTED = "none", "not tested"
LEVEL = 0.05
MEASURED = (
    *("n_images", "n_natural", "n_distinct", "n_spread", "repeated", "natural_repeated", "spread", "natural_spread"),
    *("spread_ratio", "spread_ratio_low", "spread_ratio_high", "displacement", "natural_displacement"),
    *("best_wording", "best_text", "domain"),
)
"""Columns of the evidence that the table of causes has, too."""
SCHEMA: dict[str, Any] = {
    "set": pl.String,
    "class_id": pl.Int64,
    **dict.fromkeys(("key", "name", "cause", "further_causes"), pl.String),
    "confidence": pl.Float64,
    "predicted_class": pl.String,
    "predicted_class_share": pl.Float64,
    **dict.fromkeys(("n_images", "n_natural", "n_distinct", "n_spread"), pl.Int64),
    **dict.fromkeys(("accuracy", "natural_accuracy", "repeated", "natural_repeated"), pl.Float64),
    **dict.fromkeys(("spread", "natural_spread", "spread_ratio", "spread_ratio_low", "spread_ratio_high"), pl.Float64),
    **dict.fromkeys(("displacement", "natural_displacement"), pl.Float64),
    **dict.fromkeys(map(name_p_value, TESTS), pl.Float64),
    **dict.fromkeys(("prompted", "natural_prompted", "retrieval", "natural_retrieval", "best_retrieval"), pl.Float64),
    **dict.fromkeys(("retrieved_other", "natural_retrieved_other", "photographs", "natural_photographs"), pl.Float64),
    **dict.fromkeys(("best_wording", "best_text", "domain", "evidence"), pl.String),
}
"""Columns of the table of causes: one row per set and class."""
DEVIATIONS: dict[str, Any] = {
    **dict.fromkeys(("set", "deviation"), pl.String),
    **dict.fromkeys(("n_classes", "n_suspected"), pl.Int64),
    **dict.fromkeys(("value", "natural_value", "p_value", "p_adjusted"), pl.Float64),
    "is_suspected": pl.Boolean,
}
"""Columns of the table of deviations: one row per set and kind of deviation."""
VALUES = {
    "wrong images": ("accuracy", "natural_accuracy"),
    "diversity": ("spread", "natural_spread"),
    "visual domain": ("displacement", "natural_displacement"),
}
"""The columns that a kind of deviation compares, of generated and of natural images."""


def diagnose_sets(
    evidence: Mapping[str, pl.DataFrame], classes: Sequence[tuple[str, str]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tabulate the suspected causes of each class, and the deviations of each set.

    Parameters
    ----------
    evidence : mapping of set to polars.DataFrame
        From :func:`synthdiv.diagnosis.evidence.gather_evidence`.
    classes : sequence of (str, str)
        The key and the name of each class, by class_id.

    Returns
    -------
    causes : polars.DataFrame
        Columns of ``SCHEMA``: cause ("none" if nothing is suspected, "not tested" if nothing is suspected and a test had too
        few images), further_causes (separated by commas), confidence (of the kind of wrong images), predicted_class (name
        of the class that most of the wrong images are classified as) and predicted_class_share; the compared values; the
        adjusted p-value of each deviation; and what texts say. Null where not available.
    deviations : polars.DataFrame
        Columns of ``DEVIATIONS``: how many classes were tested, and how many are suspected; the mean over classes of the
        compared values; Simes' p-value of the set and its false discovery rate.
    """
    keys = [(name, test) for name in evidence for test in TESTS]
    families = adjust_families([_read_p_values(evidence[name], test) for name, test in keys], LEVEL)
    tables, deviations = [pl.DataFrame(schema=SCHEMA)], []
    for name, table in evidence.items():
        p_values = {test: families.members[keys.index((name, test))] for test in TESTS}
        tables.append(_tabulate_classes(table, classes, name, p_values))
        deviations += [_describe_family(families, keys.index((name, test)), tables[-1], name, test) for test in TESTS]
    return pl.concat(tables), pl.DataFrame(deviations, schema=DEVIATIONS)


def _read_p_values(evidence: pl.DataFrame, test: str) -> np.ndarray:
    """Return a test's p-values; NaNs if the encoder does not recognise natural images."""
    p_values = evidence[name_p_value(test)].to_numpy()
    return p_values if _is_above_chance(evidence, "n_natural_correct") else np.full(len(p_values), math.nan)


def _is_above_chance(evidence: pl.DataFrame, column: str) -> bool:
    low, _ = wilson_interval(int(evidence[column].sum()), int(evidence["n_natural"].sum()))
    return len(evidence) == 1 or low > 1 / len(evidence)


def _tabulate_classes(
    evidence: pl.DataFrame, classes: Sequence[tuple[str, str]], set_name: str, p_values: Mapping[str, np.ndarray]
) -> pl.DataFrame:
    is_fit = "kind" in evidence.columns and _is_above_chance(evidence, "n_natural_prompted")
    rows = []
    for n, row in enumerate(evidence.iter_rows(named=True)):
        own = {test: float(values[n]) for test, values in p_values.items()}
        found = [test for test in TESTS if own[test] < LEVEL]
        is_wrong = WRONG in found and is_fit
        if is_wrong and row["confidence"] >= CONFIDENT:
            found[0] = row["kind"]
        rest = NOT_TESTED if any(map(math.isnan, own.values())) else NONE
        (key, name), (_, predicted) = classes[row["class_id"]], classes[row["predicted_class"]]
        rows.append(
            {"set": set_name, "class_id": row["class_id"], "key": key, "name": name}
            | {"cause": found[0] if found else rest, "further_causes": ", ".join(found[1:]) or None}
            | {"confidence": row["confidence"] if is_wrong else None}
            | {"predicted_class": predicted, "predicted_class_share": row["n_predicted_class"] / row["n_images"]}
            | {name: row[name] for name in MEASURED if name in row}
            | find_shares(row)
            | {name_p_value(test): p for test, p in own.items()}
            | {"evidence": " ".join(map(str, row["evidence"]))}
        )
    return pl.DataFrame(rows, schema=SCHEMA).fill_nan(None)


def find_shares(row: Mapping[str, Any]) -> dict[str, float]:
    """Compute the shares of a row of evidence."""
    shares = {
        "accuracy": row["n_correct"] / row["n_images"],
        "natural_accuracy": row["n_natural_correct"] / row["n_natural"],
    }
    if "prompt_retrieved_own" not in row:
        return shares
    counts = {
        "prompted": ("n_prompted", "n_images"),
        "natural_prompted": ("n_natural_prompted", "n_natural"),
        "retrieval": ("prompt_retrieved_own", "n_retrieved"),
        "natural_retrieval": ("natural_retrieved_own", "n_retrieved"),
        "best_retrieval": ("best_retrieval", "n_retrieved"),
        "retrieved_other": ("prompt_retrieved_other", "n_retrieved"),
        "natural_retrieved_other": ("natural_retrieved_other", "n_retrieved"),
        "photographs": ("n_photographs", "n_images"),
        "natural_photographs": ("n_natural_photographs", "n_natural"),
    }
    return shares | {name: row[part] / row[whole] for name, (part, whole) in counts.items() if row[part] is not None}


def _describe_family(families: Families, number: int, causes: pl.DataFrame, set_name: str, test: str) -> dict[str, Any]:
    p_values = families.members[number]
    value, natural_value = (causes[name].mean() for name in VALUES[test])
    both = families.p_values[number], families.adjusted[number]
    p_value, adjusted = (None if math.isnan(one) else float(one) for one in both)
    return {
        "set": set_name,
        "deviation": test,
        "n_classes": int(np.isfinite(p_values).sum()),
        "n_suspected": int((p_values < LEVEL).sum()),
        "value": value,
        "natural_value": natural_value,
        "p_value": p_value,
        "p_adjusted": adjusted,
        "is_suspected": None if adjusted is None else adjusted < LEVEL,
    }
