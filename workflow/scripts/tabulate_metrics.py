"""Tabulate the metrics of all sets and comparisons.

Inputs: sets, pairs, the tables of metrics; the class table.
Outputs: table (CSV) and parquet, one row per metric of a set; per_class, one per metric of a class. For the first encoder,
centroid_distance (CSV and Parquet), one row per set and split, with all images; centroid_distance_per_class.
"""

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.metrics import TabulateMetrics
from synthdiv.metrics.set_metrics import tabulate_metrics


@run_as_job(TabulateMetrics)
def main(job: TabulateMetrics, smk: Script) -> None:
    """Read the metrics, separate sets and classes, and write the tables."""
    paths = [*smk.input.sets, *smk.input.pairs]
    tables = tabulate_metrics(
        [(one.encoder, one.set_name, one.reference, read_table(path)) for path, one in zip(paths, job.tables, strict=True)],
        job.classes.read_names(find_class_table(smk)),
        encoder=job.encoder,
    )
    write_result(tables.whole, smk.output.table)
    write_result(tables.whole, smk.output.parquet)
    write_result(tables.per_class, smk.output.per_class)
    write_result(tables.distance, smk.output.centroid_distance)
    write_result(tables.distance, smk.output.centroid_distance_parquet)
    write_result(tables.distance_per_class, smk.output.centroid_distance_per_class)


if __name__ == "__main__":
    main()
