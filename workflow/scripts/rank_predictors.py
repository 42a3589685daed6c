"""Rank metrics, computed before training, as predictors of shortfalls and of the gains of interventions.

Inputs: classifiers, metrics and experiments, each as means and per class; embedding_classifiers.
Outputs: table, one row per classifier, outcome, level and metric; points, the values behind it.
"""

import polars as pl

from synthdiv.analysis.classifier_tables import choose_evaluations
from synthdiv.analysis.predictors import gather_points, rank_predictors
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.classifiers import PredictorPair, RankPredictors


@run_as_job(RankPredictors)
def main(job: RankPredictors, smk: Script) -> None:
    """Gather the points of both levels, correlate them and write both tables."""
    levels = [
        (smk.input.classifiers, smk.input.metrics, smk.input.experiments, smk.input.embedding_classifiers),
        (smk.input.classifiers_per_class, smk.input.metrics_per_class, smk.input.experiments_per_class),
    ]
    schema = dict.fromkeys(PredictorPair.model_fields, pl.String)
    pairs = pl.DataFrame([pair.model_dump() for pair in job.pairs], schema=schema)
    points = pl.concat(
        gather_points(
            choose_evaluations(read_table(accuracies), job.evaluations),
            *map(read_table, tables),
            encoder=job.encoder,
            pairs=pairs,
        )
        for accuracies, *tables in levels
    )
    write_result(points, smk.output.points)
    write_result(rank_predictors(points, job.seed), smk.output.table)


if __name__ == "__main__":
    main()
