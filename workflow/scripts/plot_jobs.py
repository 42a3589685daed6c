"""Plot what the study's jobs took.

Inputs: table, of the jobs.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import save_figure
from synthdiv.job_table import SCHEMA, plot_jobs
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_jobs(read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
