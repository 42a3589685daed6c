"""Plot the Centroid Distance of every image set as bars.

Inputs: table, the Centroid Distances.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import plot_centroid_distance, save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot."""
    start_job(smk.log[0])
    save_figure(plot_centroid_distance(read_table(smk.input.table)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
