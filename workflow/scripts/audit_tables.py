"""Audit the study's own tables and, if the config names them, published ones.

Inputs: experiments, per_class and summary of the matrix; distances and classifiers, if the study has them; published, files
of resources/paper.
Outputs: table, one row per check and place: source, check, where, expected, found, verdict, reason.
"""

from pathlib import Path

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.claims.audit import COLUMNS
from synthdiv.claims.published import STUDIES, audit_published
from synthdiv.claims.study_audit import audit_study
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.audit import AuditTables


@run_as_job(AuditTables)
def main(job: AuditTables, smk: Script) -> None:
    """Audit the tables and write the results."""
    distances, classifiers = (
        read_table(paths[0]) if paths else None for paths in (smk.input.distances, smk.input.classifiers)
    )
    own = audit_study(
        read_table(smk.input.experiments),
        read_table(smk.input.per_class),
        read_table(smk.input.summary),
        distances=distances,
        classifiers=classifiers,
        prompts_of=dict(job.prompts_of),
        repeated=job.repeated,
    )
    published = audit_published({Path(path).stem: path for path in smk.input.published}) if smk.input.published else []
    sources = ((STUDIES["diversity_and_diffusion"], published), ("this study", own))
    rows = [{"source": source, **row} for source, part in sources for row in part]
    write_result(pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)), smk.output.table)


if __name__ == "__main__":
    main()
