"""Plot which modifiers reach the images.

Inputs: table, as tabulate_adherence gives it.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.adherence import SCHEMA
from synthdiv.adherence_figures import plot_adherence
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_adherence(pl.read_csv(smk.input.table, schema_overrides=SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
