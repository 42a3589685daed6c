"""Plot loss and accuracy during training.

Inputs: logs of all training runs.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.classifier_figures import plot_training
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Group the logs by classifier and training set, plot and save the figure."""
    logs: dict[str, dict[str, list[pl.DataFrame]]] = {}
    for (classifier, training, _), path in zip(smk.params.runs, smk.input.logs, strict=True):
        logs.setdefault(classifier, {}).setdefault(training, []).append(read_table(path))
    save_figure(plot_training(logs, smk.params.monitored), smk.output.figure)


if __name__ == "__main__":
    main()
