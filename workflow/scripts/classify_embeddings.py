"""Fit classifiers to a reference set's embeddings and try them on the queries.

Inputs: reference, its embedding tables; queries, those of all its queries in order; probe, its logistic regression.
Outputs: predictions, a row a classifier, query set and query.
"""

from types import SimpleNamespace

import numpy as np
import polars as pl

from synthdiv.centroids import sum_classes
from synthdiv.embedding_classifiers import fit_classifiers
from synthdiv.embeddings import EmbeddingTables
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Fit, classify and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    reference = EmbeddingTables(read_listing(smk.input.reference), "train")
    probe = None
    if smk.input.probe:
        with np.load(smk.input.probe, allow_pickle=False) as stored:
            probe = dict(stored)
    totals = sum_classes(reference, smk.params.n_classes)
    classify = fit_classifiers(reference, totals, probe=probe, **smk.params.options)
    n_train = int(totals.counts.sum())
    tables = []
    for name, path in zip(smk.params.queries, smk.input.queries, strict=True):
        query = EmbeddingTables(read_listing(path), "evaluation").read()
        for classifier, predicted in classify(query).items():
            columns = {"class_id": query.class_ids, "index": query.indices, "predicted": predicted}
            head = [pl.lit(classifier).alias("classifier"), pl.lit(name).alias("query"), pl.lit(n_train).alias("n_train")]
            tables.append(pl.DataFrame(columns).cast(pl.Int32).select(*head, pl.all()))
    write_table(pl.concat(tables), smk.output.predictions)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
