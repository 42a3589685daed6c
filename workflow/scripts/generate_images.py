"""Generate the missing images of a shard of a dataset or review, or of a prompt probe, and write its index.

Inputs: fingerprint, of the generator; prompt sources and the generator's settings (through the job); owners, the indices
of datasets that generate some of the same images.
Outputs: index, one row per image.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

import torch

from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import Script, find_class_table, report_work, run_as_job
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.generation.generator import Generator, SafetyChecker
from synthdiv.generation.shards import generate_shard
from synthdiv.jobs.images import GenerateImages


@run_as_job(GenerateImages)
def main(job: GenerateImages, smk: Script) -> None:
    """Generate the shard."""
    spec = job.generator
    fingerprint = read_fingerprint(smk.input.fingerprint)
    times = {}
    with ExitStack() as stack:

        @cache
        def device() -> torch.device:
            return stack.enter_context(claim_device(smk.resources.device))

        def load_generate() -> Callable:
            generate = Generator(spec, device()).generate_images
            times["loaded"] = time.monotonic()
            return generate

        def load_checker() -> Callable:
            return SafetyChecker(spec["safety_checker"], device()).check_images

        counts = generate_shard(
            job,
            job.prompts.read(find_class_table(smk), job.images_per_class),
            fingerprint,
            smk.output.index,
            load_generate=load_generate,
            writers=max(1, smk.threads - 1),
            load_checker=load_checker if spec["safety_checker"] else None,
        )
        if counts.generated:
            report_work(counts.generated, time.monotonic() - times["loaded"], **describe_use(device()))


if __name__ == "__main__":
    main()
