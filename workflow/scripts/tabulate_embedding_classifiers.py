"""Tabulate the accuracies of all classifiers on embeddings.

Inputs: predictions of each encoder and reference.
Outputs: table (CSV) and parquet, one row per encoder, classifier, reference and query.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.experiments import TabulateEmbeddingClassifiers
from synthdiv.stats.intervals import wilson_interval


@run_as_job(TabulateEmbeddingClassifiers)
def main(job: TabulateEmbeddingClassifiers, smk: Script) -> None:
    """Count the correct predictions and write the table."""
    rows = []
    for (encoder, reference), path in zip(job.references, smk.input.predictions, strict=True):
        table = read_table(path)
        counts = table.group_by("classifier", "query", maintain_order=True).agg(
            (pl.col("predicted") == pl.col("class_id")).sum().alias("correct"),
            pl.len().alias("n"),
            pl.col("n_train").first(),
        )
        for classifier, query, correct, count, n_train in counts.iter_rows():
            low, high = wilson_interval(correct, count)
            rows.append(
                {"encoder": encoder, "classifier": classifier, "reference": reference, "query": query}
                | {"n_train": n_train, "n_queries": count}
                | {"accuracy": correct / count, "accuracy_low": low, "accuracy_high": high}
            )
    for path in (smk.output.table, smk.output.parquet):
        write_result(pl.DataFrame(rows), path)


if __name__ == "__main__":
    main()
