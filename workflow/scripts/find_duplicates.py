"""Find images that a set has twice, or that other sets have too.

Inputs: thumbnails and embeddings of the compared sets.
Outputs: counts, one row per comparison of two splits; pairs, one row per image that another one resembles.
"""

from collections.abc import Iterator

import polars as pl

from synthdiv.analysis.duplicates import ImageSplit, Limits, find_limits, raise_limits
from synthdiv.analysis.leakage import compare_splits, read_split
from synthdiv.core.devices import claim_scoring_device
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.jobs.metrics import FindDuplicates


@run_as_job(FindDuplicates)
def main(job: FindDuplicates, smk: Script) -> None:
    """Find the limits, compare the splits and write the counts and pairs."""
    with claim_scoring_device(smk.resources.device) as device:
        found = list(compare(job, smk, device))
    write_table(pl.concat([counts for counts, _ in found]), smk.output.counts)
    write_table(pl.concat([pairs for _, pairs in found]), smk.output.pairs)


def compare(job: FindDuplicates, smk: Script, device: str) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the counts and pairs of each two splits."""
    thumbnails = dict(zip(job.sets, smk.input.thumbnails, strict=True))
    embeddings = dict(zip(job.embedded, smk.input.embeddings, strict=True))

    def read(name: str, split: str) -> ImageSplit:
        return read_split(thumbnails.get(name), embeddings.get(name), split)

    limits = Limits() if job.natural is None else find_limits(read(job.natural, "train"), device=device)
    # several splits are searched in the same one, whose own limits are found once
    raised = {} if job.natural is None else {(job.natural, "train"): limits}
    for one in job.comparisons:
        same = (one.set, one.split) == (one.other_set, one.other_split)
        images = read(one.set, one.split)
        others = images if same else read(one.other_set, one.other_split)
        searched = one.other_set, one.other_split
        if searched not in raised:
            raised[searched] = raise_limits(limits, others, device=device)
        authentic = searched == (job.natural, "train") and not same
        yield compare_splits(one, images, others, raised[searched], measure_authenticity=authentic, device=device)


if __name__ == "__main__":
    main()
