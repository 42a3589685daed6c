"""Put the accuracies on the transfer sets together.

Inputs: predictions and trials, of each transfer set and encoder.
Outputs: table, a row a transfer set, encoder, training set and seed; means over seeds, compared with the natural one.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.analysis.transfer_tables import average_transfer, tabulate_transfer
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Count what is right, and write."""
    predictions, trials = [], []
    for of, right, evaluated in zip(smk.params.encodings, smk.input.predictions, smk.input.trials, strict=True):
        head = [pl.lit(value, dtype=pl.String).alias(key) for key, value in of.items()]
        predictions.append(read_table(right).select(*head, pl.all()))
        trials.append(read_table(evaluated).select(*head, pl.all()))
    runs = tabulate_transfer(pl.concat(predictions), pl.concat(trials))
    write_table(runs, smk.output.table)
    write_table(average_transfer(runs, pl.concat(predictions), smk.params.natural), smk.output.means)


if __name__ == "__main__":
    main()
