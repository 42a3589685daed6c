"""Tabulate what the study's jobs took.

Inputs: results, the study's tables and figures, so that this is done after all else.
Outputs: table, a CSV with a row a job.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import write_table
from synthdiv.report.job_table import tabulate_jobs


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the benchmark files and the logs, and write."""
    write_table(tabulate_jobs(smk.params.benchmarks, smk.params.logs), smk.output.table)


if __name__ == "__main__":
    main()
