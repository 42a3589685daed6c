"""Compare what cures change for the diagnosed classes and for others.

Inputs: predictions, of the first classifier on every training set of the cures; the class table.
Outputs: table, three rows a cure.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.cures import SCHEMA, compare_cure
from synthdiv.jobs import start_job
from synthdiv.study import Study
from synthdiv.tables import read_table, write_table


def main(smk: SimpleNamespace) -> None:
    """Compare and write."""
    start_job(smk.log[0])
    study, tried = Study(smk.config), smk.params.evaluation
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
            {group: study.cured_classes(cure["base"], training) for group, training in cured.items()},
            [row.name for row in study.classes],
            {"cure": name, "classifier": smk.params.classifier, "evaluation_set": tried, "train_set": cured},
        )
    write_table(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
