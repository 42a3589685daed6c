"""Measure the diversity of one image set: both splits, all images, and as many a class as comparisons take.

Inputs: embeddings, the set's embedding tables.
Outputs: metrics, a row a figure.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.set_metrics import measure_set, take_equal


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Measure and write."""
    count, seed = smk.params.options["images_per_class"], smk.params.options["seed"]
    tables = []
    for split in SPLITS:
        blocks = EmbeddingTables(read_manifest(smk.input.embeddings), split)
        tables.append(measure_set(blocks, smk.params.n_classes, split=split))
        equal = [take_equal(blocks, count, seed)]
        tables.append(measure_set(equal, smk.params.n_classes, split=split, images_per_class=count))
    write_table(pl.concat(tables), smk.output.metrics)


if __name__ == "__main__":
    main()
