"""Tabulate the accuracies of the classifiers.

Inputs: predictions of each classifier and training set; models, manifests of their weights; the class table.
Outputs: table (CSV) and parquet, one row per classifier, training set, seed and evaluation set; means over seeds; per_class;
confusion, the counts of each class and predicted class; differences between every two training sets of a classifier; gaps to
the natural training set on each evaluation set.
"""

import polars as pl

from synthdiv.analysis.classifier_tables import (
    average_seeds,
    compare_trainings,
    count_confusions,
    tabulate_classes,
    tabulate_gaps,
    tabulate_run,
)
from synthdiv.catalog.writing import write_result
from synthdiv.classifiers.checkpoint import read_metadata
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.manifests import read_checked
from synthdiv.core.tables import read_table
from synthdiv.jobs.classifiers import TabulateClassifiers

UNKNOWN = {"n_train": None, "steps": None, "epochs": None, "held_fixed": None}
"""Of classifiers that were trained elsewhere."""


@run_as_job(TabulateClassifiers)
def main(job: TabulateClassifiers, smk: Script) -> None:
    """Count the correct predictions and write the tables."""
    models = dict(zip(job.runs, read_checked(smk.input.models), strict=True))
    rows, tables = [], []
    for (classifier, training), path in zip(job.evaluations, smk.input.predictions, strict=True):
        head = {"classifier": classifier, "train_set": training}
        predictions = read_table(path).select(*(pl.lit(value).alias(key) for key, value in head.items()), pl.all())
        tables.append(predictions)
        for (seed,), run in predictions.group_by("seed", maintain_order=True):
            model = models.get((classifier, training, seed))
            metadata = UNKNOWN if model is None else read_metadata(model)
            rows += tabulate_run(run, head | {"seed": seed} | {key: metadata[key] for key in UNKNOWN})
    runs = pl.DataFrame(rows, infer_schema_length=None)
    whole = pl.concat(tables)
    for path in (smk.output.table, smk.output.parquet):
        write_result(runs, path)
    write_result(average_seeds(runs), smk.output.means)
    write_result(tabulate_classes(whole, job.classes.read_names(find_class_table(smk))), smk.output.per_class)
    write_result(count_confusions(whole), smk.output.confusion)
    write_result(compare_trainings(whole), smk.output.differences)
    write_result(tabulate_gaps(whole, job.natural), smk.output.gaps)


if __name__ == "__main__":
    main()
