"""Draw what a shard of a dataset lacks (or a probe, or a shard of a review), and write its index.

Inputs: fingerprint, the generator's; prompt sources and the config's generator (through the config); owners, the indices of
datasets that draw some of the same images.
Outputs: index, a table with a row an image.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import torch

from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.generation.generator import Generator, SafetyChecker
from synthdiv.generation.shards import draw_shard
from synthdiv.plan.generation import find_generator, find_run, make_generation_recipe
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Draw the shard."""
    study = load_study(smk.config)
    drawing, shard = find_run(study, dict(smk.wildcards.items()))
    if make_generation_recipe(study, drawing, shard) != smk.params.recipe:
        raise StudyError(f"the prompts of {drawing.dataset} were edited after this run was planned: run it again")
    spec = study.config["generators"][find_generator(study, drawing.dataset, drawing.split)]
    fingerprint = json.loads(Path(smk.input.fingerprint).read_text())
    times = {}
    with ExitStack() as stack:

        @cache
        def device() -> torch.device:
            return stack.enter_context(claim_device(study.config["device"]))

        def load_draw() -> Callable:
            draw = Generator(spec, device()).draw_images
            times["loaded"] = time.monotonic()
            return draw

        def load_checker() -> Callable:
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
    main()
