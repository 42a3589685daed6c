"""Measure the distance of a set from a reference, at equal images per class, on the training splits.

Inputs: reference, embeddings, the embedding tables of the two sets.
Outputs: metrics, one row per metric.
"""

from types import SimpleNamespace

import numpy as np

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.set_comparison import compare_sets
from synthdiv.metrics.set_metrics import subsample_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Reduce both sets to equal size, compare them and write the metrics."""
    options = smk.params.options
    names = (smk.wildcards.reference, smk.wildcards.set)
    kinds = tuple(smk.config["sets"][name]["kind"] for name in names)
    count, seed = options["images_per_class"], options["seed"]
    reference, other = (
        subsample_classes(EmbeddingTables(read_manifest(path), "train"), count, seed)
        for path in (smk.input.reference, smk.input.embeddings)
    )
    pair = zip((reference, other), kinds, strict=True)
    smallest = [int(np.bincount(one.class_ids).min()) for one, kind in pair if kind == "image"]
    count = min([count, *smallest])
    table = compare_sets(
        subsample_classes([reference], count, seed),
        subsample_classes([other], count, seed),
        smk.params.n_classes,
        features=options["features"],
        kinds=kinds,
        k=options["neighbours"],
        seed=seed,
        split="train",
        images_per_class=count,
    )
    write_table(table, smk.output.metrics)


if __name__ == "__main__":
    main()
