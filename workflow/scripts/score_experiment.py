"""Score one reference set against one query set.

Inputs: reference, query, the embedding tables of the two sets.
Outputs: predictions, a row a query.
"""

from types import SimpleNamespace

from synthdiv.embeddings import read_embeddings
from synthdiv.experiments import score_experiment, write_table
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Read both sets, classify the queries, and keep the predictions."""
    start_job(smk.log[0])
    names = (smk.wildcards.reference, smk.wildcards.query)
    predictions = score_experiment(
        read_embeddings(smk.input.reference, "train"),
        read_embeddings(smk.input.query, "evaluation"),
        smk.params.n_classes,
        query_kind=smk.config["sets"][names[1]]["kind"],
        names=names,
    )
    write_table(predictions, smk.output.predictions)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
