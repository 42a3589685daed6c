"""Measure the distance of a set from a reference, at equal images per class, on the training splits.

Inputs: reference, embeddings, the embedding tables of the two sets.
Outputs: metrics, one row per metric.
"""

import numpy as np

from synthdiv.core.devices import claim_scoring_device
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.metrics import CompareSets
from synthdiv.metrics.set_comparison import compare_sets
from synthdiv.metrics.set_metrics import subsample_classes


@run_as_job(CompareSets)
def main(job: CompareSets, smk: Script) -> None:
    """Reduce both sets to equal size, compare them and write the metrics."""
    count, seed = job.images_per_class, job.seed
    reference, other = (
        subsample_classes(EmbeddingTables(read_manifest(path), "train"), count, seed)
        for path in (smk.input.reference, smk.input.embeddings)
    )
    pair = zip((reference, other), job.kinds, strict=True)
    smallest = [int(np.bincount(one.class_ids).min()) for one, kind in pair if kind == "image"]
    count = min([count, *smallest])
    reference, other = (subsample_classes([one], count, seed) for one in (reference, other))
    with claim_scoring_device(smk.resources.device) as device:
        table = compare_sets(
            reference,
            other,
            job.n_classes,
            features=job.features,
            kinds=job.kinds,
            k=job.neighbours,
            pairwise_images=job.pairwise_images,
            seed=seed,
            split="train",
            images_per_class=count,
            device=device,
        )
    write_table(table, smk.output.metrics)


if __name__ == "__main__":
    main()
