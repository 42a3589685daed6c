"""Try a generator: generate an image, and see whether every setting changes it.

Inputs: the model's and the safety checker's files, if they are folders.
Outputs: trial, a small JSON file.
"""

from synthdiv.core.devices import claim_device
from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.generation.trial import try_generator
from synthdiv.jobs.images import TryGenerator


@run_as_job(TryGenerator)
def main(job: TryGenerator, smk: Script) -> None:
    """Try the generator and write the result."""
    with claim_device(smk.resources.device) as device:
        write_json(try_generator(job.generator, job.guidance_scales, device), smk.output.trial)


if __name__ == "__main__":
    main()
