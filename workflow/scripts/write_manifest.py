"""List the tables of a collection, with their digests: what stands for all of them.

Inputs: tables, a table a shard.
Outputs: listing, a JSON file.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import write_manifest


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Write the listing."""
    write_manifest(smk.input.tables, smk.output.manifest)


if __name__ == "__main__":
    main()
