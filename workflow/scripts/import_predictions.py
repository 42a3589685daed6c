"""Import the predictions of classifiers that were trained elsewhere on a training set.

Inputs: table, CSV or Parquet.
Outputs: predictions and selection, as of evaluate_classifier.
"""

import polars as pl

from synthdiv.classifiers.prediction_table import SCHEMA, read_predictions, split_selection
from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.jobs.classifiers import ImportPredictions


@run_as_job(ImportPredictions)
def main(job: ImportPredictions, smk: Script) -> None:
    """Check the whole table, and write the predictions of one training set."""
    keys = job.classes.read_keys(find_class_table(smk))
    table = read_predictions(smk.input.table, trained=job.trained, evaluated=job.evaluated, class_keys=keys)
    parts = split_selection(table, job.selected, job.seed)
    if job.selected is not None and not len(parts[1]):
        raise StudyError(
            f"{smk.input.table}: no class has two images of {job.selected}, and one of them must be set aside to choose "
            f"among the {len(job.trained)} training sets"
        )
    for part, path in zip(parts, (smk.output.predictions, smk.output.selection), strict=True):
        write_table(part.filter(pl.col("train_set") == job.training).select(list(SCHEMA)), path)


if __name__ == "__main__":
    main()
