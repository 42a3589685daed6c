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
    """Report what is damaged, and fail if anything is."""
    found = verify_study(Path("results", smk.config["study"]), threads=smk.threads)
    announce(f"\nRead {found.files:,} files, {found.images:,} images and {found.blocks:,} blocks of the archive.")
    for path in found.unknown:
        logging.warning("no job's log says that it wrote %s, so it was not checked", path)
    if found.unknown:
        announce(f"{len(found.unknown):,} more files are in no job's log, so they were not checked: see {smk.log[0]}")
    for n, problem in enumerate(found.problems):
        logging.error(problem)
        if n < SHOWN:
            announce(f"  {problem}")
    if found.problems:
        raise StudyError(f"{len(found.problems):,} files or images are damaged or missing; {smk.log[0]} names all")
    announce("All are as they were written.\n")


if __name__ == "__main__":
    main()
