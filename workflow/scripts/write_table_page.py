"""Write a page of tables to browse.

Inputs: tables, named in params.
Outputs: page, HTML.
"""

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.report import WriteTablePage
from synthdiv.report.table_pages import write_table_page


@run_as_job(WriteTablePage)
def main(job: WriteTablePage, smk: Script) -> None:
    """Read the tables and write the page."""
    described = zip(job.described, smk.input.tables, strict=True)
    tables = [(name, words, read_table(path)) for (name, words), path in described]
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(write_table_page(job.study, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
