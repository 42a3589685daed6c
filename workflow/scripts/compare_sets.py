"""Measure how far a set lies from a reference, at equal images a class, on the training splits.

Inputs: reference, embeddings, the embedding tables of the two sets.
Outputs: metrics, a row a figure.
"""

from types import SimpleNamespace

import numpy as np

from synthdiv.embeddings import EmbeddingTables
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.set_comparison import compare_sets
from synthdiv.set_metrics import take_equal
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Cut both sets to equal size, compare and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    options = smk.params.options
    names = (smk.wildcards.reference, smk.wildcards.set)
    kinds = tuple(smk.config["sets"][name]["kind"] for name in names)
    count, seed = options["images_per_class"], options["seed"]
    pair = [
        take_equal(EmbeddingTables(read_listing(path), "train"), count, seed)
        for path in (smk.input.reference, smk.input.embeddings)
    ]
    smallest = [int(np.bincount(one.class_ids).min()) for one, kind in zip(pair, kinds, strict=True) if kind == "image"]
    count = min([count, *smallest])
    pair = [take_equal([one], count, seed) for one in pair]
    table = compare_sets(
        *pair,
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
    main(snakemake)  # noqa: F821
