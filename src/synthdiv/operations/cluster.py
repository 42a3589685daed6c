"""A Slurm cluster: whether it is ready for a study, asked before anything is submitted, and what to do when it is away."""

from __future__ import annotations

import getpass
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as executor
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file
from snakemake_executor_plugin_slurm.utils import get_job_wildcards

from synthdiv.core.errors import StudyError

logger = logging.getLogger(__name__)

PATIENCE = 30
"""Seconds to wait for an answer of Slurm."""
SITE = "profiles/default"
"""Where a user's settings of the site are."""


def check_cluster(jobs: Sequence[Any], *, partition_config: Path | str | None, status_command: str | None) -> None:
    """Refuse what Slurm would refuse later, or never answer.

    Parameters
    ----------
    jobs : sequence of Snakemake's jobs
        What will be submitted.
    partition_config : Path or str, optional
        The file of partitions that the executor chooses from.
    status_command : {"sacct", "squeue"}, optional
        How the executor asks for the state of its jobs.

    Raises
    ------
    StudyError
        If there is no Slurm here or its controller does not answer, the state of jobs cannot be asked for, a job's partition
        is not named, does not exist or does not fit, or a job of an earlier run is still at the same work.
    """
    _check_controller()
    _check_accounting(status_command)
    _check_partitions(jobs, partition_config)
    _check_running(jobs)


def outlast_outages() -> None:
    """Keep a run's jobs in mind while Slurm cannot say what they do.

    The executor (version 2.8.0) forgets the jobs that it asked about if the question fails, and then waits for ever. With an
    answer that names none of them it asks again later.
    """
    query = executor.query_job_status

    async def query_patiently(command: str, log: logging.Logger) -> tuple[dict[str, str], float]:
        states, seconds = await query(command, log)
        if states is None:
            logger.warning("Slurm does not say how its jobs are: asking again later")
            return {}, 0.0
        return states, seconds

    executor.query_job_status = query_patiently


def _check_controller() -> None:
    if shutil.which("sbatch") is None:
        raise StudyError("there is no sbatch here: run this on the cluster's login node, or here with --profile local")
    try:
        answer = subprocess.run(["scontrol", "ping"], capture_output=True, text=True, timeout=PATIENCE)
        said = (answer.stdout + answer.stderr).strip()
    except subprocess.TimeoutExpired:
        said = f"no answer in {PATIENCE} seconds"
    if "is UP" not in said:
        raise StudyError(
            f"Slurm's controller does not answer (scontrol ping: {said}). Nothing was submitted, and what is finished is "
            "kept: run the same command again when it is back"
        )


def _ask(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or error
        raise StudyError(f"Slurm could not be asked ({' '.join(command)}): {str(said).strip()}") from None


def _check_accounting(status_command: str | None) -> None:
    storage = re.search(r"AccountingStorageType\s*=\s*(\S+)", _ask("scontrol", "show", "config"))
    if status_command == "sacct" and storage and storage[1].endswith("/none"):
        raise StudyError(
            "this cluster keeps no accounts of jobs (its AccountingStorageType is none), so sacct can say nothing of them: "
            f"write `slurm-status-command: squeue` into {SITE}/config.yaml"
        )


def _check_partitions(jobs: Sequence[Any], partition_config: Path | str | None) -> None:
    listed = read_partition_file(Path(partition_config)) if partition_config else []
    sources = {partition.name: f"{partition_config} names" for partition in listed}
    quiet = logging.Logger("partitions", logging.CRITICAL)
    homeless: dict[str, str] = {}
    for job in jobs:
        own = job.resources.get("slurm_partition")
        if own:
            sources.setdefault(str(own), f"the profile gives rule {job.rule.name}")
        elif get_best_partition(listed, job, quiet) is None:
            homeless.setdefault(job.rule.name, _describe_request(job))
    present = sorted(set(_ask("sinfo", "--noheader", "--format=%R").split()))
    if not sources:
        raise StudyError(
            f"no partition is named yet; this cluster has {', '.join(present)}. Write down once which to use:\n"
            f"  cp -r profiles/slurm/site {SITE}\n"
            f"  generate-slurm-partition-config -o {SITE}/partitions.yaml\n"
            "and delete from that file those that you may not use (profiles/README.md has all steps of a first run)"
        )
    for name, source in sources.items():
        if name not in present:
            raise StudyError(f"{source} the partition {name!r}, but this cluster has {', '.join(present)}")
    if homeless:
        asked = "\n".join(f"  {rule}: {request}" for rule, request in homeless.items())
        raise StudyError(
            f"no partition in {partition_config} has room for jobs of\n{asked}\n"
            "Correct the limits there (a partition with GPUs needs max_gpu), or ask for less: set-resources in "
            f"{SITE}/config.yaml"
        )


def _describe_request(job: Any) -> str:
    resources = job.resources
    parts = [f"{resources.get('gpu') or 0} GPUs", f"{job.threads} CPUs", f"{resources.get('mem_mb')} MB"]
    return ", ".join(parts) + f", {resources.get('runtime')} minutes"


def _check_running(jobs: Sequence[Any]) -> None:
    """A snakemake that was killed leaves its jobs in Slurm: a second one would do the same work beside them."""
    planned = set(map(_comment_job, jobs))
    listed = _ask("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i\t%Z\t%k")
    rows = [line.split("\t") for line in listed.splitlines()]
    here = os.path.realpath(os.getcwd())
    running = [number for number, folder, comment in rows if os.path.realpath(folder) == here and comment in planned]
    if running:
        raise StudyError(
            "jobs of an earlier run are still in Slurm, at the same work: wait until they end, or stop them with\n"
            f"  scancel {' '.join(running)}\n(they keep what they have finished), and run the same command again"
        )


def _comment_job(job: Any) -> str:
    """What the executor writes into a job's comment."""
    named = get_job_wildcards(job)
    return f"rule_{job.rule.name}_wildcards_{named}" if named else f"rule_{job.rule.name}"
