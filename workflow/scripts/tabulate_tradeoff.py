"""Put the diversity of drawn sets beside their semantic error and the share of another visual domain.

Inputs: causes, of every drawn set; distances, of every set.
Outputs: table, a row a set, the natural one first.
"""

from types import SimpleNamespace

from synthdiv.jobs import start_job
from synthdiv.tables import read_table, write_table
from synthdiv.tradeoff import tabulate_tradeoff


def main(smk: SimpleNamespace) -> None:
    """Read, put together and write."""
    start_job(smk.log[0])
    causes, distances = read_table(smk.input.causes), read_table(smk.input.distances)
    write_table(tabulate_tradeoff(causes, distances, smk.params.natural, smk.params.described), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
