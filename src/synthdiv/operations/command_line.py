"""Check the options of Snakemake's command line.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from snakemake.settings.types import ResourceSettings

from synthdiv.core.errors import StudyError


def check_capacity(settings: ResourceSettings) -> None:
    """Check that at least one job could start: without a core for it, Snakemake would wait for ever.

    Raises
    ------
    StudyError
        If the number of cores or of jobs is below 1.
    """
    for option, number in (("cores", settings.cores), ("jobs", settings.nodes), ("local-cores", settings.local_cores)):
        if number is not None and number < 1:
            every = ", or all" if option == "cores" else ""
            raise StudyError(f"no job could ever start, since --{option} is {number}: give it at least 1{every}")
