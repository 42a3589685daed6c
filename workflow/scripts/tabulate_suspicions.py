"""List the suspected causes of each set, and what tests each.

Inputs: causes, one row per set and class; deviations, one row per set and kind; interventions, if classifiers are trained;
planted, what was found of planted deviations.
Outputs: table, one row per set, suspected cause and classifier that has tested it.
"""

from synthdiv.catalog.writing import list_text_columns, write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.suspicions import tabulate_suspicions
from synthdiv.jobs.diagnosis import TabulateSuspicions


@run_as_job(TabulateSuspicions)
def main(job: TabulateSuspicions, smk: Script) -> None:
    """Read the tables, find what tests each suspicion, and write the table."""
    deviations = read_table(smk.input.deviations, list_text_columns("deviations"))
    interventions = [read_table(path, list_text_columns("interventions")) for path in smk.input.interventions]
    table = tabulate_suspicions(
        read_table(smk.input.causes),
        deviations,
        interventions[0] if interventions else None,
        job.sets,
        read_table(smk.input.planted),
    )
    write_result(table, smk.output.table)


if __name__ == "__main__":
    main()
