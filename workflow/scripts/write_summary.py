"""Write the summary page.

Inputs: tables, those that the study has.
Outputs: page, HTML.
"""

from pathlib import Path

import polars as pl

from synthdiv.catalog.writing import list_text_columns
from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
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
    summarise_fit_causes,
    summarise_interventions,
    summarise_ladder,
    summarise_leakage,
    summarise_leaked_accuracy,
    summarise_shortcut,
    summarise_shortfalls,
    summarise_split,
    summarise_transfer,
    write_page,
)


@run_as_job(WriteSummary)
def main(job: WriteSummary, smk: Script) -> None:
    """Read the existing tables, summarise them and write the page."""
    natural = job.natural
    tables = {Path(path).stem: _read(path) for path in smk.input.tables}
    parts = []
    if "selection" in tables:
        parts.append(("Which training set is best", summarise_choice(tables["selection"], tables["accounts"])))
    if "accounts" in tables:
        parts.append(("Where accuracy is lost", summarise_accounts(tables["accounts"])))
    if "ladder" in tables:
        parts.append(("From natural to generated images", summarise_ladder(tables["ladder"])))
    if "interventions" in tables:
        parts.append(("What each setting is worth", summarise_interventions(tables["interventions"])))
    if "shortcut" in tables:
        parts.append(("Natural and generated classes in one training set", summarise_shortcut(tables["shortcut"])))
    if "shortfalls" in tables:
        parts.append(("Which classes fall short", summarise_shortfalls(tables["shortfalls"])))
    if "causes" in tables:
        assert natural is not None
        unfit = find_unfit(tables["experiments"], natural, job.reference, job.n_classes)
        parts.append(("Suspected causes", summarise_fit_causes(tables["causes"], tables.get("shortfalls"), unfit)))
    if "error_split" in tables:
        parts.append(("Diversity or shift", summarise_split(tables["error_split"], natural, job.reference)))
    if natural is not None:
        parts.append(("Diversity of the sets", summarise_diversity(tables["centroid_distance"], natural)))
        found = summarise_experiments(tables["experiments"], tables["experiment_differences"], natural)
        parts.append(("Recognition of natural images", found))
    if "leakage" in tables:
        found = summarise_leakage(tables["leakage"])
        if "leakage_accuracy" in tables:
            found += summarise_leaked_accuracy(tables["leakage_accuracy"])
        parts.append(("Images that sets share", found))
    if natural is not None and "classifier_means" in tables:
        found = summarise_classifiers(tables["classifier_means"], tables["classifier_differences"], natural)
        parts.append(("Accuracy when trained on them", found))
    if natural is not None and "transfer_means" in tables:
        found = summarise_transfer(tables["transfer_means"], natural)
        parts.append(("Transfer of their features", found))
    parts.append(("Published claims, tested on this study", summarise_claims(tables["claims"])))
    contradictions = summarise_audit(tables["audit"])
    if contradictions:
        parts.append(("Contradictory metrics", contradictions))
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(write_page(job.study, parts), encoding="utf-8")


def _read(path: str) -> pl.DataFrame:
    return read_table(path, list_text_columns(Path(path).stem))


if __name__ == "__main__":
    main()
