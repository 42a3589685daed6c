"""Put the figures along the guidance scale together, and say which scale each would choose.

Inputs: sources, a table an image or query for each figure; fingerprints, of the generators that drew, in the order of their
names; the class table.
Outputs: table, a row a figure and guidance scale; per_class, and class; choice, a row a figure, and a figure and class.
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
    """Read, tabulate, compare and write."""
    names = [row.name for row in read_classes(smk.input.classes)]
    metadata = [json.loads(Path(path).read_text()) for path in smk.input.fingerprints]
    kinds = {name: one["guidance"] for name, one in zip(smk.params.generators, metadata, strict=True)}
    rows = []
    for one, path in zip(smk.params.figures, smk.input.sources, strict=True):
        head = {"guidance": kinds[smk.params.generated_by[one["dataset"]]]} | one
        rows.append((head, read_outcomes(read_table(path), one["figure"], one["query"])))
    whole, per_class = tabulate_guidance(rows, names)
    write_table(whole, smk.output.table)
    write_table(per_class, smk.output.per_class)
    write_table(choose_scales(rows, names), smk.output.choice)


if __name__ == "__main__":
    main()
