"""Mend two faults of Snakemake (9.27.1): the end of a run removes other runs' locks, and the scheduler keeps a core busy.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import threading
from pathlib import Path

from snakemake.persistence.file import FilePersistence
from snakemake.scheduling.job_scheduler import JobScheduler

_delete_all = FilePersistence._delete_locks


def mend_snakemake() -> None:
    """Mend both faults in this process."""
    _keep_locks_of_others()
    JobScheduler._schedule_reevalutation = _wake_up_once


def _keep_locks_of_others() -> None:
    """Let a run that ends remove only its own locks, and the option --unlock all of them.

    Snakemake removes the folder of locks, with those of every run in it: a study that still runs could then be started
    again, and target remove_unused would not see that it runs. Even a run that has nothing to do removes them.
    """
    FilePersistence._delete_locks = _delete_own
    FilePersistence.cleanup_locks = _delete_all


def _delete_own(persistence: FilePersistence) -> None:
    for path in persistence._lockfile.values():
        Path(path).unlink(missing_ok=True)
    persistence._lockfile.clear()


def _wake_up_once(scheduler: JobScheduler, delay: float) -> None:
    """Let the scheduler look for jobs again after a delay in seconds, unless it will do so anyway.

    The scheduler's loop calls this each time it has looked, to respect the limit of jobs a second. Snakemake starts a timer
    at each call. So each finished job adds another timer that never ends: after 190 jobs, the scheduler looks 190 times a
    second.
    """
    if vars(scheduler).get("will_wake_up"):
        return

    def wake_up() -> None:
        scheduler.will_wake_up = False
        scheduler._open_jobs.release()

    scheduler.will_wake_up = True
    timer = threading.Timer(delay, wake_up)
    timer.daemon = True
    timer.start()
