"""Tabulate the diversity of generated sets with their semantic error and their share of another visual domain.

Inputs: causes of every generated set; distances of every set.
Outputs: table, one row per set, the natural set first.
"""

from synthdiv.analysis.tradeoff import tabulate_tradeoff
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.diagnosis import TabulateTradeoff


@run_as_job(TabulateTradeoff)
def main(job: TabulateTradeoff, smk: Script) -> None:
    """Read the tables, join them and write the result."""
    causes, distances = read_table(smk.input.causes), read_table(smk.input.distances)
    write_result(tabulate_tradeoff(causes, distances, job.natural, job.described), smk.output.table)


if __name__ == "__main__":
    main()
