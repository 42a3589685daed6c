"""Check user-provided embedding tables, and write them as one table.

Inputs: the user's files; the class table.
Outputs: table, an embedding table of unit vectors in fp64.
"""

from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.embeddings.user_tables import import_embeddings
from synthdiv.jobs.embeddings import ImportEmbeddings


@run_as_job(ImportEmbeddings)
def main(job: ImportEmbeddings, smk: Script) -> None:
    """Import the set's tables."""
    import_embeddings(
        job.source, smk.output.table, set_name=job.set_name, class_keys=job.classes.read_keys(find_class_table(smk))
    )


if __name__ == "__main__":
    main()
