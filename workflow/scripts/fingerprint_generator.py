"""Identify a generator by the digest of its weights and its full scheduler configuration.

Inputs: the model's files, if it is a folder.
Outputs: fingerprint, a small JSON file.
"""

from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.generation.generator import fingerprint_generator
from synthdiv.jobs.images import FingerprintGenerator


@run_as_job(FingerprintGenerator)
def main(job: FingerprintGenerator, smk: Script) -> None:
    """Fingerprint the generator and write the result."""
    write_json(fingerprint_generator(job.generator), smk.output.fingerprint)


if __name__ == "__main__":
    main()
