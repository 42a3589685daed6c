"""Measure what each step of the ladder costs.

Inputs: predictions of the classifiers of each rung, from natural to generated images.
Outputs: table, one row per evaluation set and step.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.diagnosis.interventions import read_classifier
from synthdiv.diagnosis.ladder import SCHEMA, measure_ladder
from synthdiv.jobs.diagnosis import TabulateLadder


@run_as_job(TabulateLadder)
def main(job: TabulateLadder, smk: Script) -> None:
    """Measure the ladder on each evaluation set."""
    evaluations = [(job.classifier, rung.training) for rung in job.rungs]
    answers, rows = read_classifier(job.classifier, evaluations, smk.input.predictions), []
    for n, evaluation_set in enumerate(next(iter(answers.values()))):
        evaluated = {training: found[evaluation_set] for training, found in answers.items()}
        head = {"classifier": job.classifier, "evaluation_set": evaluation_set}
        rows += [head | row for row in measure_ladder(job.rungs, evaluated, is_primary=n == 0)]
    table = pl.DataFrame([{name: row[name] for name in SCHEMA} for row in rows], schema=SCHEMA)
    write_result(table.fill_nan(None), smk.output.table)


if __name__ == "__main__":
    main()
