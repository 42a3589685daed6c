"""Measure how many natural images a training set is worth.

Inputs: means of the classifiers over seeds; models, the files of trained classifiers.
Outputs: table, one row per classifier and training set; figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.analysis.classifier_tables import choose_evaluations
from synthdiv.analysis.exchange_rate import count_kinds, measure_exchange_rate
from synthdiv.classifiers.checkpoint import read_metadata
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.report.classifier_figures import plot_exchange_rate
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Count each training set's images, measure the exchange rate, and write table and figure."""
    training_sets = [training for _, training, _ in smk.params.runs]
    chosen = set(smk.params.training_sets)
    kinds = {
        training: count_kinds(read_metadata(path)["parts"], smk.params.natural)
        for training, path in zip(training_sets, smk.input.models, strict=True)
        if training in chosen
    }
    means = choose_evaluations(read_table(smk.input.means), smk.params.evaluations)
    exchange_rate = measure_exchange_rate(means, kinds)
    write_table(exchange_rate, smk.output.table)
    save_figure(plot_exchange_rate(exchange_rate), smk.output.figure)


if __name__ == "__main__":
    main()
