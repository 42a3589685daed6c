"""Measure what speaks for or against each cause, for each class of one set.

Inputs: embeddings, of the set; natural, of the natural images; texts, of the classes' texts, if an encoder reads any.
Outputs: table, a row a class.
"""

from types import SimpleNamespace

from synthdiv.embeddings import EmbeddingTables
from synthdiv.evidence import Natural, gather_evidence, read_texts
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.set_metrics import take_equal
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Read the set, the natural images and the texts, and measure."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    options = smk.params.options
    drawn = EmbeddingTables(read_listing(smk.input.embeddings), "train")
    natural = read_listing(smk.input.natural)
    evidence = gather_evidence(
        take_equal(drawn, options["images_per_class"], options["seed"]),
        Natural(EmbeddingTables(natural, "train"), EmbeddingTables(natural, "evaluation").read()),
        read_texts(smk.input.texts) if smk.input.texts else None,
        smk.params.n_classes,
        dataset=options["dataset"],
        seed=options["seed"],
    )
    write_table(evidence, smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
