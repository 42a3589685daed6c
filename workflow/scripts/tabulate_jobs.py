"""Tabulate what the study's jobs took.

Inputs: results, the study's tables and figures, so that this is done after all else.
Outputs: table, a CSV with a row a job.
"""

from types import SimpleNamespace

from synthdiv.job_table import tabulate_jobs
from synthdiv.jobs import start_job
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Read the benchmark files and the logs, and write."""
    start_job(smk.log[0])
    write_table(tabulate_jobs(smk.params.benchmarks, smk.params.logs), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
