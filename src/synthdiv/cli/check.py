"""The command ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from synthdiv.cli.common import Config, fail, suggest_run

if TYPE_CHECKING:
    from synthdiv.operations.inputs import Inputs
    from synthdiv.operations.snakemake_plan import SnakemakePlan
    from synthdiv.plan.study import Study


def check(config: Config) -> None:
    """Check a study before it runs, and say what it would do and cost.

    Lists all mistakes of the config with file and line, counts the images that you provide by class, and reads your
    embedding tables. Loads no model and decodes no image. The exit status is 1 if anything would stop the study.
    """
    from synthdiv.report.grid_text import describe_grid

    study, inputs, planned, problems = check_file(config)
    typer.echo(describe_grid(study, Path("results", study.name), planned, inputs))
    if problems:
        fail("\n".join(problems))
    typer.echo(f"\nNothing speaks against this study. To run it:\n  {suggest_run(config)}")


def check_file(path: Path) -> tuple[Study, Inputs, SnakemakePlan, list[str]]:
    """Return the study of a config, what the user provides, what Snakemake would run, and all problems.

    Raises
    ------
    StudyError
        About all mistakes of the config, without which there is no study.
    """
    from synthdiv.config.loading import read_config_file
    from synthdiv.core.errors import StudyError
    from synthdiv.core.installation import find_clone
    from synthdiv.core.results_format import check_results_format
    from synthdiv.operations.inputs import read_inputs
    from synthdiv.operations.snakemake_plan import SnakemakePlan, plan_study
    from synthdiv.plan.checks import check_sources
    from synthdiv.plan.loading import load_study
    from synthdiv.plan.study_record import check_record

    given, files = read_config_file(path), [str(path)]
    study = load_study(given, files)
    inputs = read_inputs(study, files, given)
    planned = SnakemakePlan()
    if inputs.problems:
        return study, inputs, planned, inputs.problems
    try:
        results = Path("results", study.name)
        check_results_format(results)
        warning = check_record(results, study, files)
        check_sources(study, files, given)
        clone = find_clone()
        options = ["--snakefile", str(clone / "Snakefile"), "--profile", str(clone / "profiles" / "local")]
        planned = plan_study(str(Path.cwd()), [*options, f"--configfile={path}"])
    except StudyError as error:
        return study, inputs, planned, [str(error)]
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    return study, inputs, planned, []
