"""Train a logistic regression on a reference set's embeddings.

Inputs: reference, its embedding tables.
Outputs: probe, an .npz file of weights, offsets, classes and how they were found.
"""

from types import SimpleNamespace

import numpy as np

from synthdiv.embedding_classifiers import train_probe
from synthdiv.embeddings import EmbeddingTables
from synthdiv.files import replace_atomically
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing


def main(smk: SimpleNamespace) -> None:
    """Train and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    probe = train_probe(EmbeddingTables(read_listing(smk.input.reference), "train").read(), **smk.params.options)
    with replace_atomically(smk.output.probe) as temporary, open(temporary, "wb") as file:
        np.savez(file, **probe)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
