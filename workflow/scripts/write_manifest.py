"""Write the manifest of a collection, which lists its tables with their digests.

Inputs: tables, one per shard.
Outputs: manifest, a JSON file.
"""

from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import write_manifest
from synthdiv.jobs.files import WriteManifest


@run_as_job(WriteManifest)
def main(job: WriteManifest, smk: Script) -> None:
    """Write the manifest."""
    write_manifest(smk.input.tables, smk.output.manifest)


if __name__ == "__main__":
    main()
