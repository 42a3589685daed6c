"""Count flagged and excluded images.

Inputs: indices, every index of the study.
Outputs: table, a CSV of images (the set's name), split, n_images, one column per flag, n_excluded.
"""

from itertools import chain

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_metadata
from synthdiv.images.flags import FLAGS
from synthdiv.images.index import read_index
from synthdiv.jobs.images import CountFlags


@run_as_job(CountFlags)
def main(job: CountFlags, smk: Script) -> None:
    """Count the images and write the table."""
    excluded = ["undecodable", *job.exclude_flags]
    parts = []
    for path in chain.from_iterable(map(read_manifest, smk.input.indices)):
        metadata = read_metadata(path)
        generated = "dataset" in metadata
        name = f"{metadata['dataset']} at {format_scale(metadata['guidance_scale'])}" if generated else metadata["set"]
        parts.append(pl.DataFrame(read_index(path).select(["split", "flags"])).with_columns(images=pl.lit(name)))
    table = (
        pl.concat(parts)
        .group_by("images", "split", maintain_order=True)
        .agg(
            n_images=pl.len(),
            **{flag: pl.col("flags").list.contains(flag).sum() for flag in FLAGS},
            n_excluded=pl.col("flags").list.set_intersection(excluded).list.len().gt(0).sum(),
        )
    )
    write_result(table, smk.output.table)


if __name__ == "__main__":
    main()
