"""Write the manifest of a collection, which lists its tables with their digests.

Inputs: tables, one per shard.
Outputs: manifest, a JSON file.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import write_manifest


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Write the manifest."""
    write_manifest(smk.input.tables, smk.output.manifest)


if __name__ == "__main__":
    main()
