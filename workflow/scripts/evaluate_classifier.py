"""Evaluate a trained classifier, for each seed, or a pretrained one on sets or on a review's images.

Inputs: models, manifests of its weights (none for pretrained ones); indices, those of the sets in order.
Outputs: predictions, one row per seed and image of each set: class_id, index, the five most likely classes, the first one's
probability; selection, the same for the selection split, without rows if there is none.
"""

import time

import polars as pl

from synthdiv.classifiers.evaluation import classify_sets
from synthdiv.classifiers.prediction_table import SCHEMA
from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.fingerprints import SELECTION
from synthdiv.core.jobs import Script, find_class_table, report_work, run_as_job
from synthdiv.core.manifests import read_checked, read_manifest
from synthdiv.core.tables import write_table
from synthdiv.jobs.classifiers import EvaluateClassifier


@run_as_job(EvaluateClassifier)
def main(job: EvaluateClassifier, smk: Script) -> None:
    """Load the models, classify each set and write the predictions."""
    with claim_device(smk.resources.device) as device:
        start = time.monotonic()
        tables = classify_sets(
            zip(job.sets, map(read_manifest, smk.input.indices), strict=True),
            job.recipe,
            job.classes.read_keys(find_class_table(smk)),
            weights=dict(zip(job.seeds, read_checked(smk.input.models), strict=True)) or {None: None},
            exclude_flags=job.exclude_flags,
            device=device,
            workers=smk.threads if device.type == "cuda" else 0,
        )
        report_work(sum(map(len, tables)), time.monotonic() - start, **describe_use(device))
    others = [table for one, table in zip(job.sets, tables, strict=True) if one.split != SELECTION]
    write_table(pl.concat(others), smk.output.predictions)
    if smk.output.get("selection") is not None:
        selected = [table for one, table in zip(job.sets, tables, strict=True) if one.split == SELECTION]
        write_table(pl.concat([pl.DataFrame(schema=SCHEMA), *selected]), smk.output.selection)


if __name__ == "__main__":
    main()
