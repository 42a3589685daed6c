"""Tabulate the statistics of the classifiers' features.

Inputs: statistics of each classifier and training set.
Outputs: table, one row per classifier, training set, seed and statistic.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Join the statistics and write the table."""
    tables = []
    for (classifier, training), path in zip(smk.params.evaluations, smk.input.statistics, strict=True):
        head = {"classifier": classifier, "train_set": training, "image_set": smk.params.image_set}
        names = [pl.lit(value).alias(key) for key, value in head.items()]
        tables.append(read_table(path).select(*names, pl.all()))
    write_table(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
