"""Tabulate the time, memory and speed of the study's jobs.

Inputs: results, the study's tables and figures, so that this job runs last.
Outputs: table, a CSV with one row per job.
"""

from pathlib import Path

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.jobs.report import TabulateJobs
from synthdiv.report.job_table import tabulate_jobs


@run_as_job(TabulateJobs)
def main(job: TabulateJobs, smk: Script) -> None:
    """Read the benchmark files and the logs, and write the table."""
    results = Path(smk.output.table).parents[1]
    write_result(tabulate_jobs(results / "benchmarks", results / "logs"), smk.output.table)


if __name__ == "__main__":
    main()
