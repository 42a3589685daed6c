"""List the tables of a collection, with their digests: what stands for all of them.

Inputs: tables, a table a shard.
Outputs: listing, a JSON file.
"""

from types import SimpleNamespace

from synthdiv.jobs import start_job
from synthdiv.listings import write_listing


def main(smk: SimpleNamespace) -> None:
    """Write the listing."""
    start_job(smk.log[0])
    write_listing(smk.input.tables, smk.output.listing)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
