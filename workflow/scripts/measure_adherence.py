"""Measure the adherence of a set's images to the modifiers of its grammar.

Inputs: index and embeddings of the set's images; the prompt sources (through the job); the encoder's files, if it is a
folder.
Outputs: adherence, one row per image and modifier.
"""

import polars as pl

from synthdiv.analysis.adherence import check_generated, measure_adherence, vary_prompts
from synthdiv.core.devices import claim_device
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.prompts import MeasureAdherence
from synthdiv.metrics.set_metrics import subsample_classes

SPLIT = "evaluation"


@run_as_job(MeasureAdherence)
def main(job: MeasureAdherence, smk: Script) -> None:
    """Choose the images, vary their prompts, embed the variants and compare them with the images."""
    dataset = job.prompts.read(find_class_table(smk))
    blocks = EmbeddingTables(read_manifest(smk.input.embeddings), SPLIT)
    images = subsample_classes(blocks, job.images_per_class, job.seed)
    variants, prompts = vary_prompts(dataset, images, SPLIT)
    index = pl.scan_parquet(read_manifest(smk.input.index)).filter(split=SPLIT)
    check_generated(images, variants, prompts, index.select("class_id", "index", "prompt").collect())
    with claim_device(smk.resources.device) as device:
        features = OpenClipEncoder(job.encoder, device).embed_prompts(prompts)
    write_table(measure_adherence(images, variants, features.vectors), smk.output.adherence)


if __name__ == "__main__":
    main()
