"""Write what a review shows: a table of all classes, and a page of those of lowest accuracy.

Inputs: predictions, what the judge takes each image for; indices, of the review's images; the class table.
Outputs: table, a CSV with a row a class; page, self-contained HTML. Beside them the history is kept, to which it appends.
"""

from itertools import chain
from types import SimpleNamespace

from synthdiv.files import replace_atomically
from synthdiv.image_index import read_index
from synthdiv.jobs import start_job
from synthdiv.listings import read_listing
from synthdiv.review import introduce_review, keep_history, read_columns, tabulate_classes, vote_seeds
from synthdiv.review_page import write_page
from synthdiv.study import Study
from synthdiv.tables import read_table, write_table


def main(smk: SimpleNamespace) -> None:
    """Count the votes, append to the history, write table and page."""
    start_job(smk.log[0])
    study, page, reviewed = Study(smk.config), smk.params.page, smk.wildcards.set
    images: dict[int, list[dict]] = {row.class_id: [] for row in study.classes}
    for path in chain.from_iterable(map(read_listing, smk.input.indices)):
        for row in read_index(path).to_pylist():
            images[row["class_id"]].append(row)
    prompts = [images[row.class_id][0]["prompt"] for row in study.classes]
    votes = vote_seeds(read_table(smk.input.predictions))
    dataset = study.sets[reviewed]["dataset"]
    overrides = study.overrides_of(dataset)
    table = tabulate_classes(votes, study.classes, prompts, read_columns(overrides))
    made = {key: page[key] for key in ("drawn_by", "judged_by")}
    before = keep_history(page["history"], table, **made)
    introduction = introduce_review(
        dataset=dataset,
        overrides=overrides,
        reads_overrides="overrides" in study.config["datasets"][dataset],
        images=study.config["review"]["images"],
        **made,
    )
    text = write_page(
        table,
        before,
        images,
        votes,
        title=f"Review of {reviewed}",
        introduction=introduction,
        shown=page["classes"],
        judged_by=page["judged_by"],
    )
    write_table(table, smk.output.table)
    with replace_atomically(smk.output.page) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
