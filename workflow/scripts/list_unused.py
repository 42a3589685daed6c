"""List the used and unused files of the archive; for remove_unused, delete the unused ones.

Inputs: none; the archive, the indices of all studies that use it, and the config.
Outputs: none.
"""

import logging
import time
from pathlib import Path

from tqdm import tqdm

from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.operations.cleanup import check_locks, remove_files, sort_files, tabulate_files
from synthdiv.plan.loading import load_study
from synthdiv.report.text_tables import render_table


@run_as_command
def main(smk: Script) -> None:
    """Report the files, and remove the unused ones if requested."""
    study = load_study(smk.config)
    archive = study.config.archive
    if smk.params.delete:
        check_locks(archive)
    states = sort_files(study, Path("results", study.name), now=time.time())
    announce(f"\nThe archive {archive}\n{render_table(tabulate_files(states))}\n")
    for file in states["unused"]:
        logging.info("unused: %s", file.path)
    if states["young"]:
        announce(
            f"{len(states['young']):,} files are younger than a week and stay: an interrupted run may resume with them."
        )
    unused = f"{len(states['unused']):,} unused files"
    if not states["unused"]:
        announce("Nothing can be removed.")
    elif smk.params.delete:
        freed = remove_files(tqdm(states["unused"], unit="file", desc="remove", mininterval=2))
        announce(f"Removed {unused}: {freed / 1e6:,.1f} MB.")
    else:
        announce(f"Target remove_unused deletes the {unused}, whose names are in {smk.log[0]}; they can be generated again.")


if __name__ == "__main__":
    main()
