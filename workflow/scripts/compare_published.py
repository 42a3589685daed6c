"""Put published figures beside this study's.

Inputs: experiments and per_class, of the matrix; distances and means of the classifiers, where there are such; published,
the paper's tables.
Outputs: table, a row a published figure.
"""

from pathlib import Path
from types import SimpleNamespace

from synthdiv.beside_published import compare_published
from synthdiv.jobs import start_job
from synthdiv.tables import read_table, write_table


def main(smk: SimpleNamespace) -> None:
    """Read, compare and write."""
    start_job(smk.log[0])
    files = {Path(path).stem: path for path in smk.input.published}
    matrix = [read_table(path) for path in (smk.input.experiments, smk.input.per_class)]
    distances = read_table(smk.input.distances[0]) if smk.input.distances else None
    means = read_table(smk.input.means[0]).filter(classifier=smk.params.classifier) if smk.input.means else None
    write_table(compare_published(smk.params.study, files, *matrix, distances, means), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
