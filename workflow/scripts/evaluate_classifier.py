"""Evaluate a trained classifier, for each seed, or a pretrained one on sets or on a review's images.

Inputs: models, its weights, one file per seed (none for pretrained ones); indices, those of the sets in order.
Outputs: predictions, one row per seed and image of each set: class_id, index, the five most likely classes, the first one's
probability.
"""

import time
from types import SimpleNamespace

import polars as pl

from synthdiv.classifiers.evaluation import classify_sets
from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Load the models, classify each set and write the predictions."""
    study, options = load_study(smk.config), smk.params.evaluation
    indices = map(read_manifest, smk.input.indices)
    sets = {entry["set"]: (paths, entry) for entry, paths in zip(options["sets"], indices, strict=True)}
    with claim_device(study.config["device"]) as device:
        start = time.monotonic()
        tables = classify_sets(
            sets,
            options["recipe"],
            [row.key for row in study.classes],
            weights=dict(zip(options["seeds"], smk.input.models, strict=True)) or {None: None},
            exclude_flags=options["exclude_flags"],
            device=device,
            workers=smk.threads if device.type == "cuda" else 0,
        )
        predictions = pl.concat(tables)
        report_work(len(predictions), time.monotonic() - start, **describe_use(device))
    write_table(predictions, smk.output.predictions)


if __name__ == "__main__":
    main()
