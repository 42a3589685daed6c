"""Measure how far classifiers tell generated from natural images, instead of classes.

Inputs: predictions of each swap check: of the set alone, and of both mixtures.
Outputs: table, one row per swap check.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.interventions import read_answers
from synthdiv.diagnosis.shortcut import SCHEMA, measure_shortcut
from synthdiv.jobs.diagnosis import MeasureShortcut


@run_as_job(MeasureShortcut)
def main(job: MeasureShortcut, smk: Script) -> None:
    """Compare each set with its mixtures."""
    rows = []
    for n, one in enumerate(job.checks):
        paths = smk.input.predictions[3 * n : 3 * n + 3]
        alone, *mixed = (read_answers(read_table(path))[one.natural] for path in paths)
        head = {"classifier": one.classifier, "evaluation_set": one.natural, "set": one.set_name}
        rows.append(head | measure_shortcut(alone, mixed, one.generated))
    write_result(pl.DataFrame(rows, schema=SCHEMA).fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
