"""Tabulate the diagnosis: the error split, and a suspected cause for each class.

Inputs: splits of every image set; evidence of every diagnosed set; the class table.
Outputs: split and terms, one row per reference, set and class; causes and causes_parquet, one row per set and class.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.causes import SCHEMA, diagnose_classes
from synthdiv.diagnosis.error_split import tabulate_split, tabulate_terms
from synthdiv.prompts.class_tables import read_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Tabulate the splits and causes, and write the tables."""
    classes, natural = read_classes(smk.input.classes), smk.params.natural
    sets = {name: read_table(path) for name, path in zip(smk.params.sets, smk.input.splits, strict=True)}
    write_table(tabulate_split(sets, classes, natural), smk.output.split)
    write_table(tabulate_terms(sets, classes, natural), smk.output.terms)
    found = [
        diagnose_classes(read_table(path), classes, set_name=name, seed=smk.params.seed)
        for name, path in zip(smk.params.diagnosed, smk.input.evidence, strict=True)
    ]
    causes = pl.concat([pl.DataFrame(schema=SCHEMA), *found])
    write_table(causes, smk.output.causes)
    write_table(causes, smk.output.causes_parquet)


if __name__ == "__main__":
    main()
