"""Tabulate the accuracies on the transfer sets.

Inputs: predictions and trials of each transfer set and encoder.
Outputs: table, one row per transfer set, encoder, training set and seed; means over seeds, compared with the natural
training set.
"""

import polars as pl

from synthdiv.analysis.transfer_tables import average_transfer, tabulate_transfer
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.transfer import TabulateTransfer


@run_as_job(TabulateTransfer)
def main(job: TabulateTransfer, smk: Script) -> None:
    """Count the correct predictions and write the tables."""
    predictions, trials = [], []
    for encoding, predicted, fitted in zip(job.encodings, smk.input.predictions, smk.input.trials, strict=True):
        head = [pl.lit(value, dtype=pl.String).alias(key) for key, value in encoding.model_dump().items()]
        predictions.append(read_table(predicted).select(*head, pl.all()))
        trials.append(read_table(fitted).select(*head, pl.all()))
    runs = tabulate_transfer(pl.concat(predictions), pl.concat(trials))
    write_result(runs, smk.output.table)
    write_result(average_transfer(runs, pl.concat(predictions), job.natural), smk.output.means)


if __name__ == "__main__":
    main()
