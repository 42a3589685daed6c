"""Write the results of a review: a table of all classes, and a page of those with the lowest accuracy.

Inputs: predictions, the reviewer's classes of the images; indices of the review's images; the class table.
Outputs: table, a CSV with one row per class; page, self-contained HTML. The job also appends to the history next to them.
"""

from itertools import chain
from pathlib import Path

from synthdiv.catalog.writing import write_result
from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.review import introduce_review, keep_history, tabulate_classes, vote_seeds
from synthdiv.images.index import read_index
from synthdiv.jobs.review import WriteReview
from synthdiv.report.review_page import write_page


@run_as_job(WriteReview)
def main(job: WriteReview, smk: Script) -> None:
    """Count the votes, append to the history, and write table and page."""
    classes = job.classes.read(find_class_table(smk))
    images: dict[int, list[dict]] = {row.class_id: [] for row in classes}
    for path in chain.from_iterable(map(read_manifest, smk.input.indices)):
        for row in read_index(path).to_pylist():
            images[row["class_id"]].append(row)
    prompts = [images[row.class_id][0]["prompt"] for row in classes]
    votes = vote_seeds(read_table(smk.input.predictions))
    table = tabulate_classes(votes, classes, prompts, job.override_columns)
    models = {"generated_by": job.generated_by, "reviewed_by": job.reviewed_by}
    # not an output, since Snakemake would delete it before the next review
    before = keep_history(Path(smk.output.table).with_name("history.csv"), table, **models)
    introduction = introduce_review(
        dataset=job.dataset,
        overrides=job.overrides,
        reads_overrides=job.reads_overrides,
        images=job.images,
        **models,
    )
    text = write_page(
        table,
        before,
        images,
        votes,
        title=f"Review of {job.reviewed}",
        introduction=introduction,
        shown=job.shown,
        reviewed_by=job.reviewed_by,
    )
    write_result(table, smk.output.table)
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
