"""Fit a logistic regression to an encoder's features of a transfer set, and try it on the evaluation split.

Inputs: features, the encoder's embedding table of all splits.
Outputs: predictions, a row a seed and evaluation image; trials, a row a seed and C that was tried,
and one for the final fit.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.embeddings import EmbeddingTables
from synthdiv.identity import SPLITS
from synthdiv.jobs import limit_threads, start_job
from synthdiv.tables import write_table
from synthdiv.transfer import transfer_features
from synthdiv.transfer_sets import VALIDATION
from synthdiv.transfer_tables import describe_fits, list_predictions


def main(smk: SimpleNamespace) -> None:
    """Fit for each seed, and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    predictions, trials = [], []
    for seed in smk.params.seeds or [None]:
        train, evaluation, validation = (
            EmbeddingTables([smk.input.features], split, seed=seed).read() for split in (*SPLITS, VALIDATION)
        )
        found = transfer_features(train, validation, evaluation, **smk.params.options)
        predictions.append(list_predictions(found, evaluation, seed))
        trials.append(describe_fits(found, seed))
    write_table(pl.concat(predictions), smk.output.predictions)
    write_table(pl.concat(trials), smk.output.trials)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
