"""Write the summary page.

Inputs: tables, those that the study has; indices of the sets with images; prompts of the datasets.
Outputs: page, HTML.
"""

from pathlib import Path

import polars as pl

from synthdiv.catalog.writing import list_text_columns
from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.provenance.environments import read_last_versions
from synthdiv.core.tables import read_table
from synthdiv.jobs.report import WriteSummary
from synthdiv.report.page.pictures import read_pictures
from synthdiv.report.page.view import build_page, render_page


@run_as_job(WriteSummary)
def main(job: WriteSummary, smk: Script) -> None:
    """Read the existing tables, build the page and write it."""
    tables = {Path(path).stem: _read(path) for path in smk.input.tables}
    indices = dict(zip(job.pictured, smk.input.indices, strict=True))
    page = build_page(
        tables,
        job,
        prompts={name: read_table(path) for name, path in zip(job.datasets, smk.input.prompts, strict=True)},
        versions=read_last_versions(Path(smk.output.page).parent),
        read_pictures=lambda names, class_ids: read_pictures({name: indices[name] for name in names}, class_ids),
    )
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(render_page(page), encoding="utf-8")


def _read(path: str) -> pl.DataFrame:
    return read_table(path, list_text_columns(Path(path).stem))


if __name__ == "__main__":
    main()
