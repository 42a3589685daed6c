"""Put what the classifiers got right together.

Inputs: predictions, of each run; models, the trained ones' files; the class table; published, the paper's lines.
Outputs: table (CSV) and parquet, a row a classifier, training set, seed and evaluation set; means over seeds; per_class;
confusion, how often each class was taken for each.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.classes import read_classes
from synthdiv.classifier_file import read_facts
from synthdiv.classifier_tables import add_published, average_seeds, count_confusions, tabulate_classes, tabulate_run
from synthdiv.jobs import start_job
from synthdiv.tables import write_table

PRETRAINED = {"n_train": None, "steps": None, "epochs": None, "held_fixed": None}


def main(smk: SimpleNamespace) -> None:
    """Count what is right, and write."""
    start_job(smk.log[0])
    models = iter(smk.input.models)
    rows, tables = [], []
    for (classifier, training, seed), path in zip(smk.params.runs, smk.input.predictions, strict=True):
        predictions = pl.read_parquet(path)
        facts = read_facts(next(models)) if seed >= 0 else PRETRAINED
        head = {"classifier": classifier, "train_set": training, "seed": seed if seed >= 0 else None}
        rows += tabulate_run(predictions, head | {key: facts[key] for key in PRETRAINED})
        tables.append(predictions.select(*(pl.lit(value).alias(key) for key, value in head.items()), pl.all()))
    runs = pl.DataFrame(rows, infer_schema_length=None)
    means = average_seeds(runs)
    if smk.input.published:
        means = add_published(means, pl.read_csv(smk.input.published[0]))
    whole = pl.concat(tables, how="vertical_relaxed")
    for path in (smk.output.table, smk.output.parquet):
        write_table(runs, path)
    write_table(means, smk.output.means)
    write_table(tabulate_classes(whole, [row.name for row in read_classes(smk.input.classes)]), smk.output.per_class)
    write_table(count_confusions(whole), smk.output.confusion)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
