"""Write a page of tables to browse.

Inputs: tables, named in params.
Outputs: page, HTML.
"""

from types import SimpleNamespace

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.table_pages import write_table_page


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the tables and write the page."""
    described = smk.params.described.items()
    tables = [(name, words, read_table(path)) for (name, words), path in zip(described, smk.input.tables, strict=True)]
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(write_table_page(smk.params.study, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
