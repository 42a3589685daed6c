"""Train a linear probe, a logistic regression, on a reference set's embeddings.

Inputs: reference, its embedding tables.
Outputs: probe, an .npz file of weights, offsets, classes and details of the fit.
"""

import numpy as np

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.experiments import TrainLinearProbe
from synthdiv.metrics.embedding_classifiers import train_linear_probe


@run_as_job(TrainLinearProbe)
def main(job: TrainLinearProbe, smk: Script) -> None:
    """Train the linear probe and write it."""
    reference = EmbeddingTables(read_manifest(smk.input.reference), "train")
    probe = train_linear_probe(reference, c_values=job.c_values, seed=job.seed)
    with replace_atomically(smk.output.probe) as temporary, open(temporary, "wb") as file:
        np.savez(file, **probe)


if __name__ == "__main__":
    main()
