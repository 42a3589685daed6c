"""Put the diversity of drawn sets beside their semantic error and the share of another visual domain.

Inputs: causes, of every drawn set; distances, of every set.
Outputs: table, a row a set, the natural one first.
"""

from types import SimpleNamespace

from synthdiv.analysis.tradeoff import tabulate_tradeoff
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read, put together and write."""
    causes, distances = read_table(smk.input.causes), read_table(smk.input.distances)
    write_table(tabulate_tradeoff(causes, distances, smk.params.natural, smk.params.described), smk.output.table)


if __name__ == "__main__":
    main()
