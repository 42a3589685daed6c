"""Plot what the study's jobs took.

Inputs: table, of the jobs.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.figures import save_figure
from synthdiv.job_table import SCHEMA, plot_jobs
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_jobs(pl.read_csv(smk.input.table, schema=SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
