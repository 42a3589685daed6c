"""Score one reference set against one query set.

Inputs: reference, query, the embedding tables of the two sets.
Outputs: predictions, one row per query.
"""

from synthdiv.analysis.experiments import score_experiment
from synthdiv.core.devices import claim_scoring_device
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.experiments import ScoreExperiment


@run_as_job(ScoreExperiment)
def main(job: ScoreExperiment, smk: Script) -> None:
    """Read both sets, classify the queries and write the predictions."""
    with claim_scoring_device(smk.resources.device) as device:
        predictions = score_experiment(
            EmbeddingTables(read_manifest(smk.input.reference), "train"),
            EmbeddingTables(read_manifest(smk.input.query), "evaluation").read(),
            job.n_classes,
            query_kind=job.query_kind,
            names=(job.reference, job.query),
            device=device,
        )
    write_table(predictions, smk.output.predictions)


if __name__ == "__main__":
    main()
