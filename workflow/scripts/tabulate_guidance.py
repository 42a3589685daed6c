"""Tabulate the metrics by guidance scale, and the best scale by each metric.

Inputs: sources, for each metric a table with one row per image or query; fingerprints of the generators, in the order of
their names; the class table.
Outputs: table, one row per metric and guidance scale; per_class, one per class too; choice, one row per metric, and one per
metric and class.
"""

import json
from pathlib import Path
from types import SimpleNamespace

from synthdiv.analysis.guidance import choose_scales, read_outcomes, tabulate_guidance
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.prompts.class_tables import read_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the outcomes, tabulate and compare the scales, and write the tables."""
    names = [row.name for row in read_classes(smk.input.classes)]
    fingerprints = [json.loads(Path(path).read_text()) for path in smk.input.fingerprints]
    kinds = {name: one["guidance"] for name, one in zip(smk.params.generators, fingerprints, strict=True)}
    rows = []
    for one, path in zip(smk.params.metrics, smk.input.sources, strict=True):
        head = {"guidance": kinds[smk.params.generated_by[one["dataset"]]]} | one
        rows.append((head, read_outcomes(read_table(path), one["metric"], one["query"])))
    whole, per_class = tabulate_guidance(rows, names)
    write_table(whole, smk.output.table)
    write_table(per_class, smk.output.per_class)
    write_table(choose_scales(rows, names), smk.output.choice)


if __name__ == "__main__":
    main()
