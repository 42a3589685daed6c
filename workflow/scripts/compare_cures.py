"""Compare what cures change for the diagnosed classes and for others.

Inputs: predictions, of the first classifier on every training set of the cures; the class table.
Outputs: table, three rows a cure.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.interventions import SCHEMA, compare_cure
from synthdiv.plan.classifiers import find_cured_classes
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Compare and write."""
    study, tried = load_study(smk.config), smk.params.evaluation
    tables = {
        name: read_table(path).filter(evaluation_set=tried)
        for name, path in zip(smk.params.trainings, smk.input.predictions, strict=True)
    }
    rows = []
    for name, cure in study.config["cures"].items():
        cured = {group: cure[group] for group in ("diagnosed", "others")}
        rows += compare_cure(
            tables[cure["base"]],
            {group: tables[training] for group, training in cured.items()},
            {group: find_cured_classes(study, cure["base"], training) for group, training in cured.items()},
            [row.name for row in study.classes],
            {"cure": name, "classifier": smk.params.classifier, "evaluation_set": tried, "train_set": cured},
        )
    write_table(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
