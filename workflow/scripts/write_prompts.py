"""Write the prompts of a dataset as a table for users.

Inputs: the class table, overrides, grammar or prompt table (through the job).
Outputs: table, a CSV of class_id, key, name, split, index, prompt; without split and index if each class has one prompt.
"""

from dataclasses import replace

import polars as pl

from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.jobs.prompts import WritePrompts


@run_as_job(WritePrompts)
def main(job: WritePrompts, smk: Script) -> None:
    """Render the prompts and write the table."""
    listed = job.listed
    dataset = replace(listed.prompts.read(find_class_table(smk), listed.images_per_class), unique=listed.unique)
    rows, names = [], job.classes.read_names(find_class_table(smk))
    for class_id, split, index in dataset.list_places():
        row, place = dataset.classes[class_id], {"split": split, "index": index} if split else {}
        head = {"class_id": row.class_id, "key": row.key, "name": names[class_id]}
        rows.append(head | place | {"prompt": dataset.prompt(class_id, split or "train", index)})
    write_table(pl.DataFrame(rows), smk.output.table)


if __name__ == "__main__":
    main()
