"""Measure how many natural images a training set is worth.

Inputs: means of the classifiers over seeds; models, manifests of their weights.
Outputs: table, one row per classifier and training set.
"""

from synthdiv.analysis.classifier_tables import choose_evaluations
from synthdiv.analysis.exchange_rate import count_kinds, measure_exchange_rate
from synthdiv.catalog.writing import write_result
from synthdiv.classifiers.checkpoint import read_metadata
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_checked
from synthdiv.core.tables import read_table
from synthdiv.jobs.classifiers import MeasureExchangeRate


@run_as_job(MeasureExchangeRate)
def main(job: MeasureExchangeRate, smk: Script) -> None:
    """Count each training set's images, measure the exchange rate and write the table."""
    kinds = {
        training: count_kinds(read_metadata(path)["parts"], job.natural)
        for (_, training, _), path in zip(job.runs, read_checked(smk.input.models), strict=True)
        if training in job.train_sets
    }
    means = choose_evaluations(read_table(smk.input.means), job.evaluations)
    write_result(measure_exchange_rate(means, kinds), smk.output.table)


if __name__ == "__main__":
    main()
