"""Tabulate the statistics of the classifiers' features.

Inputs: statistics of each classifier and training set.
Outputs: table, one row per classifier, training set, seed and statistic.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.transfer import TabulateFeatures


@run_as_job(TabulateFeatures)
def main(job: TabulateFeatures, smk: Script) -> None:
    """Join the statistics and write the table."""
    tables = []
    for (classifier, training), path in zip(job.evaluations, smk.input.statistics, strict=True):
        head = {"classifier": classifier, "train_set": training, "image_set": job.image_set}
        names = [pl.lit(value).alias(key) for key, value in head.items()]
        tables.append(read_table(path).select(*names, pl.all()))
    write_result(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
