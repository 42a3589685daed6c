"""Fit classifiers to a reference set's embeddings and classify the queries.

Inputs: reference, its embedding tables; queries, those of all its query sets in order; probe, its linear probe.
Outputs: predictions, one row per classifier, query set and query.
"""

import numpy as np
import polars as pl

from synthdiv.core.devices import claim_scoring_device
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.experiments import ClassifyEmbeddings
from synthdiv.metrics.centroids import sum_classes
from synthdiv.metrics.embedding_classifiers import fit_classifiers


@run_as_job(ClassifyEmbeddings)
def main(job: ClassifyEmbeddings, smk: Script) -> None:
    """Fit, classify and write."""
    reference = EmbeddingTables(read_manifest(smk.input.reference), "train")
    probe, n_train = None, {}
    if smk.input.probe:
        with np.load(smk.input.probe[0], allow_pickle=False) as stored:
            probe = dict(stored)
        n_train["logistic_regression"] = int(probe["n_train"])
    totals = sum_classes(reference, job.n_classes)
    tables = []
    with claim_scoring_device(smk.resources.device) as device:
        classify = fit_classifiers(reference, totals, probe=probe, seed=job.seed, device=device, **job.options)
        for name, path in zip(job.queries, smk.input.queries, strict=True):
            query = EmbeddingTables(read_manifest(path), "evaluation").read()
            for classifier, predicted in classify(query).items():
                columns = {"class_id": query.class_ids, "index": query.indices, "predicted": predicted}
                head = [
                    pl.lit(classifier).alias("classifier"),
                    pl.lit(name).alias("query"),
                    pl.lit(n_train.get(classifier, int(totals.counts.sum()))).alias("n_train"),
                ]
                tables.append(pl.DataFrame(columns).cast(pl.Int32).select(*head, pl.all()))
    write_table(pl.concat(tables), smk.output.predictions)


if __name__ == "__main__":
    main()
