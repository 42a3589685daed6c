"""Fit a logistic regression to an encoder's features of a transfer set, and evaluate it on the evaluation split.

Inputs: features, the encoder's embedding table of all splits.
Outputs: predictions, one row per seed and evaluation image; trials, one row per seed and trial value of C, and one for the
final fit.
"""

import polars as pl

from synthdiv.analysis.transfer_tables import describe_fits, list_predictions
from synthdiv.classifiers.linear_probe import transfer_features
from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.images.transfer_sets import VALIDATION
from synthdiv.jobs.transfer import ClassifyTransfer


@run_as_job(ClassifyTransfer)
def main(job: ClassifyTransfer, smk: Script) -> None:
    """Fit and evaluate for each seed, and write the results."""
    predictions, trials = [], []
    for seed in job.seeds or [None]:
        train, evaluation, validation = (
            EmbeddingTables([smk.input.features], split, seed=seed).read() for split in (*SPLITS, VALIDATION)
        )
        found = transfer_features(
            train,
            validation,
            evaluation,
            features=job.features,
            trials=job.trials,
            max_iterations=job.max_iterations,
            seed=job.seed,
        )
        predictions.append(list_predictions(found, evaluation, seed))
        trials.append(describe_fits(found, seed))
    write_table(pl.concat(predictions), smk.output.predictions)
    write_table(pl.concat(trials), smk.output.trials)


if __name__ == "__main__":
    main()
