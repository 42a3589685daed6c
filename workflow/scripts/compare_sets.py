"""Measure the distance of a set from a reference, at equal images per class, on the training splits.

Inputs: reference, embeddings, the embedding tables of the two sets.
Outputs: metrics, one row per metric.
"""

from synthdiv.core.devices import claim_scoring_device
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.metrics import CompareSets
from synthdiv.metrics.set_comparison import compare_equal_sets


@run_as_job(CompareSets)
def main(job: CompareSets, smk: Script) -> None:
    """Reduce both sets to equal size, compare them and write the metrics."""
    reference, other = (
        EmbeddingTables(read_manifest(path), "train") for path in (smk.input.reference, smk.input.embeddings)
    )
    with claim_scoring_device(smk.resources.device) as device:
        table = compare_equal_sets(
            reference,
            other,
            job.n_classes,
            kinds=job.kinds,
            images_per_class=job.images_per_class,
            seed=job.seed,
            features=job.features,
            k=job.neighbours,
            pairwise_images=job.pairwise_images,
            split="train",
            device=device,
        )
    write_table(table, smk.output.metrics)


if __name__ == "__main__":
    main()
