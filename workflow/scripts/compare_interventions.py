"""Compare the effects of interventions on the diagnosed classes and on others.

Inputs: predictions of the first classifier for every training set of the interventions; the class table.
Outputs: table, three rows per intervention.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.interventions import SCHEMA, compare_intervention
from synthdiv.jobs.diagnosis import CompareInterventions


@run_as_job(CompareInterventions)
def main(job: CompareInterventions, smk: Script) -> None:
    """Compare each intervention's training sets and write the table."""
    evaluated = job.evaluation_set
    tables = {
        name: read_table(path).filter(evaluation_set=evaluated)
        for name, path in zip(job.train_sets, smk.input.predictions, strict=True)
    }
    rows, names = [], job.classes.read_names(find_class_table(smk))
    for one in job.interventions:
        # the groups in the order of the table, which the params' sorted keys keep
        treated = dict(one.train_sets)
        rows += compare_intervention(
            tables[one.base],
            {group: tables[training] for group, training in treated.items()},
            {group: one.class_ids[group] for group in treated},
            names,
            {
                "intervention": one.name,
                "classifier": job.classifier,
                "evaluation_set": evaluated,
                "train_set": treated,
            },
        )
    write_result(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
