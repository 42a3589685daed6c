"""Score one reference set against one query set.

Inputs: reference, query, the embedding tables of the two sets.
Outputs: predictions, one row per query.
"""

from types import SimpleNamespace

from synthdiv.analysis.experiments import score_experiment
from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read both sets, classify the queries and write the predictions."""
    names = (smk.wildcards.reference, smk.wildcards.query)
    predictions = score_experiment(
        EmbeddingTables(read_manifest(smk.input.reference), "train"),
        EmbeddingTables(read_manifest(smk.input.query), "evaluation").read(),
        smk.params.n_classes,
        query_kind=smk.config["sets"][names[1]]["kind"],
        names=names,
    )
    write_table(predictions, smk.output.predictions)


if __name__ == "__main__":
    main()
