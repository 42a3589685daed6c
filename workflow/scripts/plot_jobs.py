"""Plot the time, memory and speed of the study's jobs.

Inputs: table of the jobs.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import save_figure
from synthdiv.report.job_table import SCHEMA, plot_jobs


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_jobs(read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main()
