"""Tabulate the matrix, its per-class form and its summaries from the experiments' predictions.

Inputs: predictions of each encoder and experiment in order; the class table.
Outputs: for the first encoder, table (CSV) and parquet, one row per experiment; per_class, one row per experiment and class;
summary, the averages of the paper's Tables 5 and 6; differences, one row per pair of experiments. For all encoders,
by_encoder and per_class_by_encoder.
"""

import polars as pl

from synthdiv.analysis.matrix import compare_experiments, summarise_matrix, tabulate_experiments
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.experiments import TabulateExperiments


@run_as_job(TabulateExperiments)
def main(job: TabulateExperiments, smk: Script) -> None:
    """Tabulate the predictions of each encoder and write the tables."""
    names = job.classes.read_names(find_class_table(smk))
    by_encoder: dict[str, list] = {}
    for row, path in zip(job.experiments, smk.input.predictions, strict=True):
        by_encoder.setdefault(row.encoder, []).append((row.number, row.reference, row.query, read_table(path)))
    tables = {encoder: tabulate_experiments(rows, names) for encoder, rows in by_encoder.items()}
    first = next(iter(by_encoder))
    experiments, per_class = tables[first]
    write_result(experiments, smk.output.table)
    write_result(experiments, smk.output.parquet)
    write_result(per_class, smk.output.per_class)
    write_result(summarise_matrix(experiments, job.kinds), smk.output.summary)
    write_result(compare_experiments(by_encoder[first]), smk.output.differences)
    for n, path in enumerate((smk.output.by_encoder, smk.output.per_class_by_encoder)):
        named = [pair[n].select(pl.lit(encoder).alias("encoder"), pl.all()) for encoder, pair in tables.items()]
        write_result(pl.concat(named), path)


if __name__ == "__main__":
    main()
