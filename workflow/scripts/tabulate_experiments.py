"""Make the matrix and its per-class form from the experiments' predictions.

Inputs: predictions, of each experiment in order; the class table.
Outputs: table (CSV) and parquet, a row an experiment; per_class, a row an experiment and class.
"""

from types import SimpleNamespace

from synthdiv.classes import read_classes
from synthdiv.experiments import tabulate_experiments, write_table
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Tabulate and write."""
    start_job(smk.log[0])
    rows = [(*row, path) for row, path in zip(smk.params.experiments, smk.input.predictions, strict=True)]
    experiments, per_class = tabulate_experiments(rows, read_classes(smk.input.classes))
    write_table(experiments, smk.output.table)
    write_table(experiments, smk.output.parquet)
    write_table(per_class, smk.output.per_class)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
