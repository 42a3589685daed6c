"""Plot the Centroid Distance of every image set as bars.

Inputs: table, the Centroid Distances.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import plot_centroid_distance, save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_centroid_distance(read_table(smk.input.table)), smk.output.figure)


if __name__ == "__main__":
    main()
