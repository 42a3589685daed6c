"""Check the embedding tables that a user brings, and write them as one table.

Inputs: the user's files; the class table.
Outputs: table, an embedding table of unit vectors in fp64.
"""

from types import SimpleNamespace

from synthdiv.embeddings import import_embeddings
from synthdiv.jobs import start_job
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Import the set's tables."""
    start_job(smk.log[0])
    study = Study(smk.config)
    import_embeddings(smk.params.source, smk.output.table, set_name=smk.wildcards.set, classes=study.classes)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
