"""Tabulate the metrics by guidance scale, and the best scale by each metric.

Inputs: sources, for each metric a table with one row per image or query; fingerprints of the generators, in the order of
their names; the class table.
Outputs: table, one row per metric and guidance scale; per_class, one per class too; choice, one row per metric, and one per
metric and class.
"""

from synthdiv.analysis.guidance import choose_scales, read_outcomes, tabulate_guidance
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.jobs.metrics import TabulateGuidance


@run_as_job(TabulateGuidance)
def main(job: TabulateGuidance, smk: Script) -> None:
    """Read the outcomes, tabulate and compare the scales, and write the tables."""
    fingerprints = map(read_fingerprint, smk.input.fingerprints)
    kinds = {name: one["guidance"] for name, one in zip(job.generators, fingerprints, strict=True)}
    rows = []
    for one, path in zip(job.metrics, smk.input.sources, strict=True):
        head = {"guidance": kinds[job.generated_by[one.dataset]]} | one.model_dump()
        rows.append((head, read_outcomes(read_table(path), one.metric, one.query)))
    names = job.classes.read_names(find_class_table(smk))
    whole, per_class = tabulate_guidance(rows, names)
    write_result(whole, smk.output.table)
    write_result(per_class, smk.output.per_class)
    write_result(choose_scales(rows, names), smk.output.choice)


if __name__ == "__main__":
    main()
