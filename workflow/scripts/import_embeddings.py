"""Check user-provided embedding tables, and write them as one table.

Inputs: the user's files; the class table.
Outputs: table, an embedding table of unit vectors in fp64.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.embeddings.user_tables import import_embeddings
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Import the set's tables."""
    study = load_study(smk.config)
    import_embeddings(smk.params.source, smk.output.table, set_name=smk.wildcards.set, classes=study.classes)


if __name__ == "__main__":
    main()
