"""Identify a generator by the digest of its weights and its full scheduler configuration.

Inputs: the model's files, if it is a folder.
Outputs: fingerprint, a small JSON file.
"""

import json
from pathlib import Path

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.generation.generator import fingerprint_generator
from synthdiv.jobs.images import FingerprintGenerator


@run_as_job(FingerprintGenerator)
def main(job: FingerprintGenerator, smk: Script) -> None:
    """Fingerprint the generator and write the result."""
    fingerprint = fingerprint_generator(job.generator)
    with replace_atomically(smk.output.fingerprint) as temporary:
        Path(temporary).write_text(json.dumps(fingerprint, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
