"""Check every file and every image of the study against the digests that were written with them.

Inputs: none; the study's results, its images and the archive.
Outputs: none.
"""

import logging
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.operations.verification import verify_study

SHOWN = 20
"""Problems that the terminal shows; the log has all."""


@run_as_command
def main(smk: Script) -> None:
    """Report what is damaged, and fail if anything is; and what is missing, since its job did not finish."""
    found = verify_study(Path("results", smk.config["study"]), threads=smk.threads)
    announce(f"\nRead {found.files:,} files, {found.images:,} images and {found.blocks:,} blocks of the archive.")
    for path in found.unknown:
        logging.warning("no job's log says that it wrote %s, so it was not checked", path)
    if found.unknown:
        announce(f"{len(found.unknown):,} more files are in no job's log, so they were not checked: see {smk.log[0]}")
    for n, log in enumerate(found.unfinished):
        logging.warning("%s says of no end of its job, whose results are missing", log)
        if n < SHOWN:
            announce(f"  {log}: this job did not finish")
    if found.unfinished:
        announce(
            f"{len(found.unfinished):,} jobs failed, were stopped or are running, so their results are missing: run the "
            "study again, or delete the logs of jobs that it no longer has"
        )
    for n, problem in enumerate(found.problems):
        logging.error(problem)
        if n < SHOWN:
            announce(f"  {problem}")
    if found.problems:
        raise StudyError(f"{len(found.problems):,} files or images are damaged or missing; {smk.log[0]} names all")
    announce("All others are as they were written.\n" if found.unfinished else "All are as they were written.\n")


if __name__ == "__main__":
    main()
