"""Find images that a set has twice, or that other sets have too.

Inputs: thumbnails and embeddings of the compared sets.
Outputs: counts, one row per comparison of two splits; pairs, one row per image that another one resembles.
"""

import polars as pl

from synthdiv.analysis.duplicates import Limits, find_limits, raise_limits
from synthdiv.analysis.leakage import compare_splits, read_split
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.jobs.metrics import FindDuplicates


@run_as_job(FindDuplicates)
def main(job: FindDuplicates, smk: Script) -> None:
    """Find the limits, compare the splits and write the counts and pairs."""
    thumbnails = dict(zip(job.sets, smk.input.thumbnails, strict=True))
    embeddings = dict(zip(job.embedded, smk.input.embeddings, strict=True))
    limits, found = Limits(), []
    if job.natural is not None:
        limits = find_limits(read_split(thumbnails[job.natural], embeddings.get(job.natural), "train"))
    for one in job.comparisons:
        same = (one.set, one.split) == (one.other_set, one.other_split)
        images = read_split(thumbnails.get(one.set), embeddings.get(one.set), one.split)
        others = images
        if not same:
            others = read_split(thumbnails.get(one.other_set), embeddings.get(one.other_set), one.other_split)
        is_natural = (one.other_set, one.other_split) == (job.natural, "train")
        own = limits if is_natural else raise_limits(limits, others)
        found.append(compare_splits(one, images, others, own, measure_authenticity=is_natural and not same))
    write_table(pl.concat([counts for counts, _ in found]), smk.output.counts)
    write_table(pl.concat([pairs for _, pairs in found]), smk.output.pairs)


if __name__ == "__main__":
    main()
