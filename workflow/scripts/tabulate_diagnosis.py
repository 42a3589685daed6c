"""Tabulate the diagnosis: the error split, and suspected causes for each class.

Inputs: splits of every image set; evidence of every diagnosed set; the class table.
Outputs: split and terms, one row per reference, set and class; causes and causes_parquet, one row per set and class;
deviations, one row per set and kind of deviation.
"""

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.causes import diagnose_sets
from synthdiv.diagnosis.error_split import tabulate_split, tabulate_terms
from synthdiv.jobs.diagnosis import TabulateDiagnosis


@run_as_job(TabulateDiagnosis)
def main(job: TabulateDiagnosis, smk: Script) -> None:
    """Tabulate the splits and causes, and write the tables."""
    rows = job.classes.read(find_class_table(smk))
    names = [row.name for row in rows]
    sets = {name: read_table(path) for name, path in zip(job.sets, smk.input.splits, strict=True)}
    write_result(tabulate_split(sets, names, job.natural), smk.output.split)
    write_result(tabulate_terms(sets, names, job.natural), smk.output.terms)
    evidence = {name: read_table(path) for name, path in zip(job.diagnosed, smk.input.evidence, strict=True)}
    causes, deviations = diagnose_sets(evidence, [(row.key, row.name) for row in rows])
    write_result(causes, smk.output.causes)
    write_result(causes, smk.output.causes_parquet)
    write_result(deviations, smk.output.deviations)


if __name__ == "__main__":
    main()
