"""Compare published values with this study's.

Inputs: experiments and per_class of the matrix; distances, and means of the classifiers, if the study has them; published,
the paper's tables.
Outputs: table, one row per published value.
"""

from pathlib import Path

from synthdiv.catalog.writing import write_result
from synthdiv.claims.compare_published import compare_published
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.audit import ComparePublished


@run_as_job(ComparePublished)
def main(job: ComparePublished, smk: Script) -> None:
    """Read the tables, compare them and write the result."""
    files = {Path(path).stem: path for path in smk.input.published}
    experiments, per_class = read_table(smk.input.experiments), read_table(smk.input.per_class)
    distances = read_table(smk.input.distances[0]) if smk.input.distances else None
    means = read_table(smk.input.means[0]).filter(classifier=job.classifier) if smk.input.means else None
    write_result(compare_published(job.study, files, experiments, per_class, distances, means), smk.output.table)


if __name__ == "__main__":
    main()
