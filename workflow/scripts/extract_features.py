"""Extract image features with a trained classifier, for each seed, or with a pretrained one.

Inputs: models, its weights, one file per seed (none for pretrained ones); index, of a transfer set or of natural images.
Outputs: table, an embedding table, with a column seed for trained classifiers.
"""

import time
from types import SimpleNamespace

import torch

from synthdiv.classifiers.features import extract_features, gather_splits
from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.embeddings.encoder import join_features
from synthdiv.embeddings.table import write_embeddings
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Load the models, extract the features and write the table."""
    study, options = load_study(smk.config), smk.params.options
    rows = gather_splits([smk.input.index], **options["images"])
    weights = dict(zip(options["seeds"], smk.input.models, strict=True)) or {None: None}
    with claim_device(study.config["device"]) as device:
        start = time.monotonic()
        features = extract_features(
            rows,
            options["recipe"],
            [row.key for row in study.classes],
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
        {"recipe": options["recipe"], "torch": torch.__version__},
        seeds=[seed for seed in options["seeds"] for _ in range(len(rows))] or None,
    )


if __name__ == "__main__":
    main()
