"""Choose the best training set of each classifier.

Inputs: predictions for the selection split, of every training set that can be chosen.
Outputs: table, one row per classifier and training set.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.diagnosis.interventions import read_classifier
from synthdiv.diagnosis.selection import SCHEMA, compare_choices
from synthdiv.jobs.classifiers import ChooseTrainingSets


@run_as_job(ChooseTrainingSets)
def main(job: ChooseTrainingSets, smk: Script) -> None:
    """Compare the training sets of each classifier with the best of them."""
    rows: list[dict] = []
    for classifier, selected in job.selection.items():
        found = read_classifier(classifier, job.choices, smk.input.predictions)
        answers = {training: own[selected] for training, own in found.items()}
        rows += [{"classifier": classifier, "selection_set": selected} | row for row in compare_choices(answers)]
    write_result(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
