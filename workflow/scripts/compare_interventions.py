"""Compare the effects of interventions on the diagnosed classes and on others.

Inputs: predictions of the first classifier for every training set of the interventions; the class table.
Outputs: table, three rows per intervention.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.interventions import SCHEMA, compare_intervention
from synthdiv.plan.classifiers import find_treated_classes
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Compare each intervention's training sets and write the table."""
    study, evaluated = load_study(smk.config), smk.params.evaluation
    tables = {
        name: read_table(path).filter(evaluation_set=evaluated)
        for name, path in zip(smk.params.training_sets, smk.input.predictions, strict=True)
    }
    rows = []
    for name, intervention in study.config["interventions"].items():
        treated = {group: intervention[group] for group in ("diagnosed", "others")}
        rows += compare_intervention(
            tables[intervention["base"]],
            {group: tables[training] for group, training in treated.items()},
            {group: find_treated_classes(study, intervention["base"], training) for group, training in treated.items()},
            [row.name for row in study.classes],
            {"intervention": name, "classifier": smk.params.classifier, "evaluation_set": evaluated, "train_set": treated},
        )
    write_table(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
