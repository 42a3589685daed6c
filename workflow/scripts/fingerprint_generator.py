"""Identify a generator by the digest of its weights and its full scheduler configuration, and try it.

Inputs: the model's files, if it is a folder.
Outputs: fingerprint, a small JSON file.
"""

from synthdiv.core.devices import claim_device
from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.generation.generator import fingerprint_generator
from synthdiv.generation.trial import try_generator
from synthdiv.jobs.images import FingerprintGenerator


@run_as_job(FingerprintGenerator)
def main(job: FingerprintGenerator, smk: Script) -> None:
    """Fingerprint the generator, try it, and write both results."""
    fingerprint = fingerprint_generator(job.generator)
    with claim_device(smk.resources.device) as device:
        trial = try_generator(job.generator, device, guided=job.guided)
    write_json(fingerprint | {"trial": trial}, smk.output.fingerprint)


if __name__ == "__main__":
    main()
