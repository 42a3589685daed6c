"""Measure the diversity of one image set: both splits, with all images and with the images per class of comparisons.

Inputs: embeddings, the set's embedding tables.
Outputs: metrics, one row per metric.
"""

import polars as pl

from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.metrics import MeasureSet
from synthdiv.metrics.set_metrics import measure_split


@run_as_job(MeasureSet)
def main(job: MeasureSet, smk: Script) -> None:
    """Measure both splits and write the metrics."""
    tables = [
        measure_split(
            EmbeddingTables(read_manifest(smk.input.embeddings), split),
            job.n_classes,
            split=split,
            images_per_class=job.images_per_class,
            seed=job.seed,
        )
        for split in SPLITS
    ]
    write_table(pl.concat(tables), smk.output.metrics)


if __name__ == "__main__":
    main()
