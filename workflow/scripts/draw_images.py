"""Draw what a shard of a dataset lacks (or a probe, or a shard of a review), and write its index.

Inputs: fingerprint, the generator's; prompt sources and the config's generator (through the config); owners, the indices of
datasets that draw some of the same images.
Outputs: index, a table with a row an image.
"""

import json
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import torch

from synthdiv.devices import claim_device, describe_use
from synthdiv.drawing import draw_shard
from synthdiv.errors import StudyError
from synthdiv.generator import Generator, SafetyChecker
from synthdiv.jobs import report_work, start_job
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Draw the shard."""
    start_job(smk.log[0])
    torch.set_num_threads(smk.threads)
    study = Study(smk.config)
    drawing, shard = study.find_drawing(dict(smk.wildcards.items()))
    if study.draw_recipe(drawing, shard) != smk.params.recipe:
        raise StudyError(f"the prompts of {drawing.dataset} were edited after this run was planned: run it again")
    spec = study.config["generators"][study.generator_of(drawing.dataset, drawing.split)]
    fingerprint = json.loads(Path(smk.input.fingerprint).read_text())
    times = {}
    with ExitStack() as stack:

        @cache
        def device():
            return stack.enter_context(claim_device(study.config["device"]))

        def load_draw():
            draw = Generator(spec, device()).draw_images
            times["loaded"] = time.monotonic()
            return draw

        def load_checker():
            return SafetyChecker(spec["safety_checker"], device()).check_images

        counts = draw_shard(
            study,
            drawing,
            shard,
            fingerprint,
            smk.output.index,
            load_draw=load_draw,
            writers=max(1, smk.threads - 1),
            load_checker=load_checker if spec["safety_checker"] else None,
        )
        if counts.drawn:
            report_work(counts.drawn, time.monotonic() - times["loaded"], **describe_use(device()))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
