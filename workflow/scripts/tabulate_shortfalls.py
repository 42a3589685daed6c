"""Tabulate the classes that fall short, and what is known of each.

Inputs: accounts by class; causes, if the study has them; the class table.
Outputs: table (CSV) and parquet, one row per classifier, training set and class.
"""

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.shortfalls import tabulate_shortfalls
from synthdiv.jobs.diagnosis import TabulateShortfalls


@run_as_job(TabulateShortfalls)
def main(job: TabulateShortfalls, smk: Script) -> None:
    """Join accounts and causes, and write the table."""
    causes = [read_table(path) for path in smk.input.causes]
    names = job.classes.read_names(find_class_table(smk))
    table = tabulate_shortfalls(read_table(smk.input.accounts), causes[0] if causes else None, names)
    for path in (smk.output.table, smk.output.parquet):
        write_result(table, path)


if __name__ == "__main__":
    main()
