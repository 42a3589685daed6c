"""Lay out images of every probe: a row a prompt, the same noise in a column, the prompt's figures beside it.

Inputs: indices, of the probes; table, their figures.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import draw_probe_sheets, save_figure
from synthdiv.image_index import read_index
from synthdiv.jobs import start_job
from synthdiv.probes import SCHEMA
from synthdiv.tables import read_table

SHOWN = 10
"""Images of a prompt."""


def main(smk: SimpleNamespace) -> None:
    """Read the first images of each prompt, and lay them out."""
    start_job(smk.log[0])
    sheets = {}
    for (name, entry), path in zip(smk.params.probes.items(), smk.input.indices, strict=True):
        rows, count = read_index(path).to_pylist(), entry["images"]
        sheets[name] = [rows[start : start + min(SHOWN, count)] for start in range(0, len(rows), count)]
    save_figure(draw_probe_sheets(sheets, read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
