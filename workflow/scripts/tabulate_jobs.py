"""Tabulate the time, memory and speed of the study's jobs.

Inputs: results, the study's tables and figures, so that this job runs last.
Outputs: table, a CSV with one row per job.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import write_table
from synthdiv.report.job_table import tabulate_jobs


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the benchmark files and the logs, and write the table."""
    write_table(tabulate_jobs(smk.params.benchmarks, smk.params.logs), smk.output.table)


if __name__ == "__main__":
    main()
