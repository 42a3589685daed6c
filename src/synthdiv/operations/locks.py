"""Let runs of Snakemake in one folder end without removing each other's locks.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from snakemake.persistence.file import FilePersistence

_delete_all = FilePersistence._delete_locks


def keep_locks_of_others() -> None:
    """Let a run that ends remove only its own locks, and the option --unlock all of them.

    Snakemake (9.27.1) removes the folder of locks, with those of every run in it: a study that still runs could then be
    started again, and target remove_unused would not see that it runs. Even a run that has nothing to do removes them.
    """
    FilePersistence._delete_locks = _delete_own
    FilePersistence.cleanup_locks = _delete_all


def _delete_own(persistence: FilePersistence) -> None:
    for path in persistence._lockfile.values():
        Path(path).unlink(missing_ok=True)
    persistence._lockfile.clear()
