"""Measure the adherence of a set's images to the modifiers of its grammar.

Inputs: index and embeddings of the set's images; the prompt sources (through the config); the encoder's files, if it is a
folder.
Outputs: adherence, one row per image and modifier.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.analysis.adherence import check_generated, measure_adherence, vary_prompts
from synthdiv.core.devices import claim_device
from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.set_metrics import subsample_classes
from synthdiv.plan.loading import load_study

SPLIT = "evaluation"


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Choose the images, vary their prompts, embed the variants and compare them with the images."""
    study, options = load_study(smk.config), smk.params.options
    dataset = study.datasets[study.sets[smk.wildcards.set]["dataset"]]
    blocks = EmbeddingTables(read_manifest(smk.input.embeddings), SPLIT)
    images = subsample_classes(blocks, options["images_per_class"], options["seed"])
    variants, prompts = vary_prompts(dataset, images, SPLIT)
    index = pl.scan_parquet(read_manifest(smk.input.index)).filter(split=SPLIT)
    check_generated(images, variants, prompts, index.select("class_id", "index", "prompt").collect())
    with claim_device(study.config["device"]) as device:
        features = OpenClipEncoder(smk.params.recipe["encoder"], device).embed_prompts(prompts)
    write_table(measure_adherence(images, variants, features.vectors), smk.output.adherence)


if __name__ == "__main__":
    main()
