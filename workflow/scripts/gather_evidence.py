"""Measure the evidence for and against each cause, for each class of a set.

Inputs: embeddings of the set; natural, those of the natural images; texts, those of the class texts, if the encoder embeds
texts.
Outputs: table, one row per class.
"""

from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.diagnosis.evidence import Natural, gather_evidence, read_texts
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.diagnosis import GatherEvidence
from synthdiv.metrics.set_metrics import subsample_classes


@run_as_job(GatherEvidence)
def main(job: GatherEvidence, smk: Script) -> None:
    """Read the set, the natural images and the texts, and write the evidence."""
    generated = EmbeddingTables(read_manifest(smk.input.embeddings), "train")
    natural = read_manifest(smk.input.natural[0])
    evidence = gather_evidence(
        subsample_classes(generated, job.images_per_class, job.seed),
        Natural(EmbeddingTables(natural, "train"), EmbeddingTables(natural, "evaluation").read()),
        read_texts(smk.input.texts[0]) if smk.input.texts else None,
        job.n_classes,
        dataset=job.dataset,
        seed=job.seed,
    )
    write_table(evidence, smk.output.table)


if __name__ == "__main__":
    main()
