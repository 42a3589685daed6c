"""Plot what training gives along the guidance sweep.

Inputs: means, of the classifiers over seeds; fingerprints, of the generators that drew, in the order of their names.
Outputs: figure, a PNG.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl

from synthdiv.classifier_figures import plot_guidance
from synthdiv.classifier_tables import choose_evaluations
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    means = choose_evaluations(pl.read_csv(smk.input.means), smk.params.evaluations)
    facts = [json.loads(Path(path).read_text()) for path in smk.input.fingerprints]
    guidance = {name: one["guidance"] for name, one in zip(smk.params.generators, facts, strict=True)}
    kinds = {dataset: guidance[generator] for dataset, generator in smk.params.drawn_by.items()}
    save_figure(plot_guidance(means, smk.params.sweep, kinds), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
