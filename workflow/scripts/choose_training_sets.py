"""Choose the best training set of each classifier.

Inputs: predictions for the selection split, of every training set that can be chosen.
Outputs: table, one row per classifier and training set.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.interventions import read_answers
from synthdiv.diagnosis.selection import SCHEMA, compare_choices
from synthdiv.jobs.classifiers import ChooseTrainingSets


@run_as_job(ChooseTrainingSets)
def main(job: ChooseTrainingSets, smk: Script) -> None:
    """Compare the training sets of each classifier with the best of them."""
    rows: list[dict] = []
    for classifier, selected in job.selection.items():
        answers = {
            training: read_answers(read_table(path))[selected]
            for (name, training), path in zip(job.choices, smk.input.predictions, strict=True)
            if name == classifier
        }
        rows += [{"classifier": classifier, "selection_set": selected} | row for row in compare_choices(answers)]
    write_result(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
