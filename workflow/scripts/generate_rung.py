"""Make the missing images of a shard of a rung of the ladder, and write its index.

Inputs: fingerprint, of the generator; natural, the index of the natural images; prompt sources and captions (through the
job); owners, the index of a set with the same images.
Outputs: index, one row per image.
"""

from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.generation.models import open_models
from synthdiv.generation.rungs import write_rung
from synthdiv.jobs.images import GenerateRung


@run_as_job(GenerateRung)
def main(job: GenerateRung, smk: Script) -> None:
    """Make the shard."""
    with open_models(job.generator, smk.resources.device) as models:
        counts = write_rung(
            job,
            find_class_table(smk),
            read_fingerprint(smk.input.fingerprint),
            smk.input.natural,
            smk.output.index,
            load_generator=models.load_generator,
            load_checker=models.load_checker,
            writers=max(1, smk.threads - 1),
        )
        models.report(counts)


if __name__ == "__main__":
    main()
