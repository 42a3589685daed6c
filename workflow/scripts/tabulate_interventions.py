"""Measure what training gains from each intervention: a change of one setting between two training sets.

Inputs: predictions of every classifier with interventions, for all its training sets.
Outputs: table, one row per intervention and evaluation set; by_class, one per class, too.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.diagnosis.interventions import CLASS_SCHEMA, SCHEMA, adjust_rows, measure_interventions, read_classifier
from synthdiv.jobs.diagnosis import TabulateInterventions


@run_as_job(TabulateInterventions)
def main(job: TabulateInterventions, smk: Script) -> None:
    """Measure the interventions of each classifier on each evaluation set."""
    rows, class_rows = [], []
    for classifier in job.primary:
        answers = read_classifier(classifier, job.evaluations, smk.input.predictions)
        own = [one for one in job.interventions if one.classifier == classifier]
        for evaluation_set in next(iter(answers.values())):
            evaluated = {training: found[evaluation_set] for training, found in answers.items()}
            pairs = [(one.base, one.changed) for one in own]
            found = measure_interventions(evaluated, pairs, sample_per_seed=classifier in job.sampled)
            for one, (row, of_classes) in zip(own, found, strict=True):
                head = one.model_dump() | {"evaluation_set": evaluation_set}
                rows.append(head | row)
                class_rows += [head | class_row for class_row in of_classes]
    table = pl.DataFrame(adjust_rows(rows, job.primary), schema=SCHEMA)
    write_result(table.fill_nan(None), smk.output.table)
    by_class = pl.DataFrame([{name: row.get(name) for name in CLASS_SCHEMA} for row in class_rows], schema=CLASS_SCHEMA)
    write_result(by_class.fill_nan(None), smk.output.by_class)


if __name__ == "__main__":
    main()
