"""Tabulate the accuracies of classifiers with and without the evaluation images that they were trained on.

Inputs: pairs of images that resemble each other; predictions of each classifier and training set.
Outputs: table, one row per classifier, training set and evaluation set.
"""

import polars as pl

from synthdiv.analysis.leakage import score_without_leaks
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.metrics import ScoreWithoutLeaks


@run_as_job(ScoreWithoutLeaks)
def main(job: ScoreWithoutLeaks, smk: Script) -> None:
    """Score the predictions and write the table."""
    pairs, tables = read_table(smk.input.pairs), []
    for (classifier, training), sources, path in zip(job.evaluations, job.sources, smk.input.predictions, strict=True):
        found = score_without_leaks(read_table(path), pairs, sources)
        tables.append(found.select(pl.lit(classifier).alias("classifier"), pl.lit(training).alias("train_set"), pl.all()))
    write_result(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
