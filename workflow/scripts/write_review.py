"""Write the results of a review: a table of all classes, and a page of those with the lowest accuracy.

Inputs: predictions, the reviewer's classes of the images; indices of the review's images; the class table.
Outputs: table, a CSV with one row per class; page, self-contained HTML. The job also appends to the history next to them.
"""

from itertools import chain
from types import SimpleNamespace

from synthdiv.core.files import replace_atomically
from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.review import introduce_review, keep_history, read_columns, tabulate_classes, vote_seeds
from synthdiv.images.index import read_index
from synthdiv.plan.loading import load_study
from synthdiv.plan.review import find_overrides
from synthdiv.report.review_page import write_page


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Count the votes, append to the history, and write table and page."""
    study, page, reviewed = load_study(smk.config), smk.params.page, smk.wildcards.set
    images: dict[int, list[dict]] = {row.class_id: [] for row in study.classes}
    for path in chain.from_iterable(map(read_manifest, smk.input.indices)):
        for row in read_index(path).to_pylist():
            images[row["class_id"]].append(row)
    prompts = [images[row.class_id][0]["prompt"] for row in study.classes]
    votes = vote_seeds(read_table(smk.input.predictions))
    dataset = study.sets[reviewed]["dataset"]
    overrides = find_overrides(study, dataset)
    table = tabulate_classes(votes, study.classes, prompts, read_columns(overrides))
    models = {key: page[key] for key in ("generated_by", "reviewed_by")}
    before = keep_history(page["history"], table, **models)
    introduction = introduce_review(
        dataset=dataset,
        overrides=overrides,
        reads_overrides="overrides" in study.config["datasets"][dataset],
        images=study.config["review"]["images"],
        **models,
    )
    text = write_page(
        table,
        before,
        images,
        votes,
        title=f"Review of {reviewed}",
        introduction=introduction,
        shown=page["classes"],
        reviewed_by=page["reviewed_by"],
    )
    write_table(table, smk.output.table)
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
