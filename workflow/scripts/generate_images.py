"""Generate the missing images of a shard of a dataset or review, or of a prompt probe, and write its index.

Inputs: fingerprint, of the generator; prompt sources and the generator's settings (through the job); owners, the indices
of datasets that generate some of the same images.
Outputs: index, one row per image.
"""

from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.generation.models import open_models
from synthdiv.generation.shards import generate_shard
from synthdiv.jobs.images import GenerateImages


@run_as_job(GenerateImages)
def main(job: GenerateImages, smk: Script) -> None:
    """Generate the shard."""
    with open_models(job.generator, smk.resources.device) as models:
        counts = generate_shard(
            job,
            job.prompts.read(find_class_table(smk), job.images_per_class),
            read_fingerprint(smk.input.fingerprint),
            smk.output.index,
            load_generate=lambda: models.load_generator().generate_images,
            writers=max(1, smk.threads - 1),
            load_checker=models.load_checker,
        )
        models.report(counts)


if __name__ == "__main__":
    main()
