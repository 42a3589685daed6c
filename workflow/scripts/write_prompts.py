"""Write the prompts of a dataset as a table for users.

Inputs: the class table, overrides, grammar or prompt table (through the config).
Outputs: table, a CSV of class_id, key, name, split, index, prompt; without split and index if each class has one prompt.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import write_table
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Render the prompts and write the table."""
    study = load_study(smk.config)
    dataset = study.datasets[smk.wildcards.dataset]
    rows = []
    for class_id, split, index in dataset.list_places():
        row, place = study.classes[class_id], {"split": split, "index": index} if split else {}
        head = {"class_id": row.class_id, "key": row.key, "name": row.name}
        rows.append(head | place | {"prompt": dataset.prompt(class_id, split or "train", index)})
    write_table(pl.DataFrame(rows), smk.output.table)


if __name__ == "__main__":
    main()
