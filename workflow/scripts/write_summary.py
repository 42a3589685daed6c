"""Write the study's page of words.

Inputs: tables, those that the study has, by the names in params.
Outputs: page, HTML.
"""

from types import SimpleNamespace

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.summary import (
    summarise_audit,
    summarise_causes,
    summarise_claims,
    summarise_classifiers,
    summarise_diversity,
    summarise_experiments,
    summarise_split,
    summarise_transfer,
    write_page,
)


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the tables that there are, and make their sentences."""
    natural = smk.params.natural
    tables = {name: read_table(path) for name, path in zip(smk.params.tables, smk.input.tables, strict=True)}
    parts = [("Why classes fall short", summarise_causes(tables["causes"]))] if "causes" in tables else []
    if "error_split" in tables:
        parts.append(("Diversity or shift", summarise_split(tables["error_split"], natural, smk.params.reference)))
    if natural is not None:
        parts.append(("How varied the sets are", summarise_diversity(tables["centroid_distance"], natural)))
        found = summarise_experiments(tables["experiments"], tables["experiment_differences"], natural)
        parts.append(("What they recognise", found))
    if natural is not None and "classifier_means" in tables:
        found = summarise_classifiers(tables["classifier_means"], tables["classifier_differences"], natural)
        parts.append(("What they are worth for training", found))
    if natural is not None and "transfer_means" in tables:
        found = summarise_transfer(tables["transfer_means"], natural)
        parts.append(("What their features are worth elsewhere", found))
    parts.append(("What others claimed, by this study's sets", summarise_claims(tables["claims"])))
    contradictions = summarise_audit(tables["audit"])
    if contradictions:
        parts.append(("Figures that contradict themselves", contradictions))
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(write_page(smk.params.study, parts), encoding="utf-8")


if __name__ == "__main__":
    main()
