"""Plot the figures along the guidance scale.

Inputs: table, per_class, choice, as tabulate_guidance gives them.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.figures import save_figure
from synthdiv.guidance import CHOICE_SCHEMA, SCHEMA
from synthdiv.guidance_figures import plot_guidance
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    whole = pl.read_csv(smk.input.table, schema_overrides=SCHEMA)
    choice = pl.read_csv(smk.input.choice, schema_overrides=CHOICE_SCHEMA)
    save_figure(plot_guidance(whole, pl.read_parquet(smk.input.per_class), choice), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
