"""Write the summary page.

Inputs: tables, those that the study has.
Outputs: page, HTML.
"""

from pathlib import Path

import polars as pl

from synthdiv.catalog.writing import list_text_columns
from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.report import WriteSummary
from synthdiv.report.findings import list_findings
from synthdiv.report.summary import write_page


@run_as_job(WriteSummary)
def main(job: WriteSummary, smk: Script) -> None:
    """Read the existing tables, summarise them and write the page."""
    tables = {Path(path).stem: _read(path) for path in smk.input.tables}
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(write_page(job.study, list_findings(job, tables)), encoding="utf-8")


def _read(path: str) -> pl.DataFrame:
    return read_table(path, list_text_columns(Path(path).stem))


if __name__ == "__main__":
    main()
