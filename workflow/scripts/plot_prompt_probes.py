"""Plot images of every prompt probe: one row per prompt with its metrics, one column per noise.

Inputs: indices of the probes; table of their metrics.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.analysis.prompt_probes import SCHEMA
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.images.index import read_index
from synthdiv.report.figures import plot_probe_sheets, save_figure

SHOWN = 10
"""Number of images shown per prompt."""


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the first images of each prompt, and save the figure."""
    sheets = {}
    for (name, entry), path in zip(smk.params.prompt_probes.items(), smk.input.indices, strict=True):
        rows, count = read_index(path).to_pylist(), entry["images"]
        sheets[name] = [rows[start : start + min(SHOWN, count)] for start in range(0, len(rows), count)]
    save_figure(plot_probe_sheets(sheets, read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main()
