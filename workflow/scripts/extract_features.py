"""Extract image features with a trained classifier, for each seed, or with a pretrained one.

Inputs: models, manifests of its weights (none for pretrained ones); index, of a transfer set or of natural images.
Outputs: table, an embedding table, with a column seed for trained classifiers.
"""

import time

import torch

from synthdiv.classifiers.features import extract_features, gather_splits
from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import Script, find_class_table, report_work, run_as_job
from synthdiv.core.manifests import read_checked
from synthdiv.embeddings.encoder import join_features
from synthdiv.embeddings.table import write_embeddings
from synthdiv.jobs.transfer import ExtractFeatures


@run_as_job(ExtractFeatures)
def main(job: ExtractFeatures, smk: Script) -> None:
    """Load the models, extract the features and write the table."""
    rows = gather_splits(
        [smk.input.index],
        job.splits,
        exclude_flags=job.exclude_flags,
        images_per_class=job.images_per_class,
        seed=job.study_seed,
    )
    weights: dict[int | None, str | None] = dict(zip(job.seeds, read_checked(smk.input.models), strict=True)) or {None: None}
    with claim_device(smk.resources.device) as device:
        start = time.monotonic()
        features = extract_features(
            rows,
            job.recipe,
            job.classes.read_keys(find_class_table(smk)),
            weights=weights,
            device=device,
            workers=smk.threads if device.type == "cuda" else 0,
        )
        report_work(len(rows) * len(weights), time.monotonic() - start, **describe_use(device))
    write_embeddings(
        smk.output.table,
        rows["class_id"].to_pylist() * len(weights),
        rows["split"].to_pylist() * len(weights),
        rows["index"].to_pylist() * len(weights),
        *join_features(features),
        {"recipe": job.recipe, "torch": torch.__version__},
        seeds=[seed for seed in job.seeds for _ in range(len(rows))] or None,
    )


if __name__ == "__main__":
    main()
