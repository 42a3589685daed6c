"""What a study found: the parts of its summary, each with a heading and sentences, from the tables that exist."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from synthdiv.jobs.report import WriteSummary
from synthdiv.report.summary import (
    find_unfit,
    summarise_accounts,
    summarise_audit,
    summarise_choice,
    summarise_claims,
    summarise_classifiers,
    summarise_diversity,
    summarise_experiments,
    summarise_interventions,
    summarise_ladder,
    summarise_leakage,
    summarise_leaked_accuracy,
    summarise_shortcut,
    summarise_shortfalls,
    summarise_split,
    summarise_suspicions,
    summarise_transfer,
)

Finding = tuple[str, list[str]]
"""A heading, and sentences; none if there is nothing beyond noise."""


def list_findings(job: WriteSummary, tables: Mapping[str, pl.DataFrame]) -> list[Finding]:
    """Summarise the tables that a study has, the most important first.

    Parameters
    ----------
    job : WriteSummary
        What the summary is about.
    tables : mapping of str to polars.DataFrame
        By name. A part whose tables are not all there is left out, as in a study that has not finished.
    """

    def has(*names: str) -> bool:
        return all(name in tables for name in names)

    natural = job.natural
    parts: list[Finding] = []
    if has("selection", "accounts"):
        parts.append(("Which training set is best", summarise_choice(tables["selection"], tables["accounts"])))
    if has("accounts"):
        parts.append(("Where accuracy is lost", summarise_accounts(tables["accounts"])))
    if has("ladder"):
        parts.append(("From natural to generated images", summarise_ladder(tables["ladder"])))
    if has("interventions"):
        parts.append(("What each setting is worth", summarise_interventions(tables["interventions"])))
    if has("shortcut"):
        parts.append(("Natural and generated classes in one training set", summarise_shortcut(tables["shortcut"])))
    if has("shortfalls"):
        parts.append(("Which classes fall short", summarise_shortfalls(tables["shortfalls"])))
    if has("causes", "suspicions", "experiments") and natural is not None:
        unfit = find_unfit(tables["experiments"], natural, job.reference, len(job.class_names))
        found = summarise_suspicions(tables["suspicions"], tables["causes"], tables.get("shortfalls"), unfit)
        parts.append(("Suspected causes", found))
    if has("error_split"):
        parts.append(("Diversity or shift", summarise_split(tables["error_split"], natural, job.reference)))
    if has("centroid_distance") and natural is not None:
        parts.append(("Diversity of the sets", summarise_diversity(tables["centroid_distance"], natural)))
    if has("experiments", "experiment_differences") and natural is not None:
        found = summarise_experiments(tables["experiments"], tables["experiment_differences"], natural)
        parts.append(("Recognition of natural images", found))
    if has("leakage"):
        found = summarise_leakage(tables["leakage"])
        if has("leakage_accuracy"):
            found += summarise_leaked_accuracy(tables["leakage_accuracy"])
        parts.append(("Images that sets share", found))
    if has("classifier_means", "classifier_differences") and natural is not None:
        found = summarise_classifiers(tables["classifier_means"], tables["classifier_differences"], natural)
        parts.append(("Accuracy when trained on them", found))
    if has("transfer_means") and natural is not None:
        parts.append(("Transfer of their features", summarise_transfer(tables["transfer_means"], natural)))
    if has("claims"):
        parts.append(("Published claims, tested on this study", summarise_claims(tables["claims"])))
    contradictions = summarise_audit(tables["audit"]) if has("audit") else []
    if contradictions:
        parts.append(("Contradictory metrics", contradictions))
    return parts
