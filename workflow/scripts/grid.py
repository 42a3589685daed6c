"""Print the experiment grid: the study's parts, what is done, what would be generated, the cost, and detectable differences.

Inputs: none; the config, the user's own images and vectors, existing results, and which of them Snakemake would write again.
Outputs: none.
"""

from collections.abc import Sequence
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.operations.inputs import read_inputs
from synthdiv.operations.snakemake_plan import SnakemakePlan, plan_study
from synthdiv.plan.loading import load_study
from synthdiv.report.grid_text import describe_grid


@run_as_command
def main(smk: Script) -> None:
    """Print the grid."""
    study = load_study(smk.config)
    planned, problem = ask_snakemake(smk.params.folder, smk.params.options)
    announce(describe_grid(study, Path("results", study.name), planned, read_inputs(study, threads=smk.threads)))
    if problem:
        announce(
            "Snakemake cannot plan this study yet, so results of before an edit may count as done:\n"
            + "".join(f"  {line}\n" for line in problem.splitlines())
        )


def ask_snakemake(folder: str, options: Sequence[str]) -> tuple[SnakemakePlan, str | None]:
    """Return what Snakemake would run, or nothing and the reason why it cannot say so yet."""
    try:
        return plan_study(folder, options), None
    except StudyError as error:
        return SnakemakePlan(), str(error)


if __name__ == "__main__":
    main()
