"""Check that a Slurm cluster is ready before anything is submitted to it, and survive outages of its controller."""

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
"""Seconds to wait for an answer from Slurm."""
SITE = "profiles/default"
"""The folder of a user's site settings."""


def check_cluster(jobs: Sequence[Any], *, partition_config: Path | str | None, status_command: str | None) -> None:
    """Check the cluster for what Slurm would refuse later, or never answer.

    Parameters
    ----------
    jobs : sequence of Snakemake's jobs
        The jobs to submit.
    partition_config : Path or str, optional
        The file of partitions that the executor chooses from.
    status_command : {"sacct", "squeue"}, optional
        The command with which the executor queries job states.

    Raises
    ------
    StudyError
        If there is no Slurm here or its controller does not answer, job states cannot be queried, a job's partition is not
        named, does not exist or does not fit, or a job of an earlier run is still doing the same work.
    """
    _check_controller()
    _check_accounting(status_command)
    _check_partitions(jobs, partition_config)
    _check_running(jobs)


def outlast_outages() -> None:
    """Keep track of a run's jobs while Slurm cannot report their states.

    The executor (2.8.0, its newest version) forgets the jobs that it queried if the query fails, and then waits for ever;
    after an empty answer it queries again later. This can go once
    https://github.com/snakemake/snakemake-executor-plugin-slurm/issues/207 is fixed.
    """
    query = executor.query_job_status

    async def query_patiently(command: str, log: logging.Logger) -> tuple[dict[str, str], float]:
        states, seconds = await query(command, log)
        if states is None:
            logger.warning("Slurm does not report the states of its jobs: asking again later")
            return {}, 0.0
        return states, seconds

    executor.query_job_status = query_patiently


def _check_controller() -> None:
    if shutil.which("sbatch") is None:
        raise StudyError("there is no sbatch here: run this on the cluster's login node, or here with --profile local")
    try:
        answer = subprocess.run(["scontrol", "ping"], capture_output=True, text=True, timeout=PATIENCE)
        output = (answer.stdout + answer.stderr).strip()
    except subprocess.TimeoutExpired:
        output = f"no answer in {PATIENCE} seconds"
    if "is UP" not in output:
        raise StudyError(
            f"Slurm's controller does not answer (scontrol ping: {output}). Nothing was submitted, and finished results are "
            "kept: run the same command again when it is back"
        )


def _query_slurm(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except subprocess.SubprocessError as error:
        output = getattr(error, "stderr", None) or error
        raise StudyError(f"Slurm could not be queried ({' '.join(command)}): {str(output).strip()}") from None


def _check_accounting(status_command: str | None) -> None:
    storage = re.search(r"AccountingStorageType\s*=\s*(\S+)", _query_slurm("scontrol", "show", "config"))
    if status_command == "sacct" and storage and storage[1].endswith("/none"):
        raise StudyError(
            "this cluster keeps no job accounting (its AccountingStorageType is none), so sacct cannot report job states: "
            f"write `slurm-status-command: squeue` into {SITE}/config.yaml"
        )


def _check_partitions(jobs: Sequence[Any], partition_config: Path | str | None) -> None:
    listed = read_partition_file(Path(partition_config)) if partition_config else []
    sources = {partition.name: f"{partition_config} names" for partition in listed}
    quiet = logging.Logger("partitions", logging.CRITICAL)
    unplaced: dict[str, str] = {}
    for job in jobs:
        own = job.resources.get("slurm_partition")
        if own:
            sources.setdefault(str(own), f"the profile gives rule {job.rule.name}")
        elif get_best_partition(listed, job, quiet) is None:
            unplaced.setdefault(job.rule.name, _describe_request(job))
    present = sorted(set(_query_slurm("sinfo", "--noheader", "--format=%R").split()))
    if not sources:
        raise StudyError(
            f"no partition is named yet; this cluster has {', '.join(present)}. List the ones to use, once:\n"
            f"  cp -r profiles/slurm/site {SITE}\n"
            f"  generate-slurm-partition-config -o {SITE}/partitions.yaml\n"
            "and delete from that file those that you may not use (profiles/README.md has all steps of a first run)"
        )
    for name, source in sources.items():
        if name not in present:
            raise StudyError(f"{source} the partition {name!r}, but this cluster has {', '.join(present)}")
    if unplaced:
        requests = "\n".join(f"  {rule}: {request}" for rule, request in unplaced.items())
        raise StudyError(
            f"no partition in {partition_config} has room for jobs of\n{requests}\n"
            "Correct the limits there (a partition with GPUs needs max_gpu), or request less: set-resources in "
            f"{SITE}/config.yaml"
        )


def _describe_request(job: Any) -> str:
    resources = job.resources
    parts = [f"{resources.get('gpu') or 0} GPUs", f"{job.threads} CPUs", f"{resources.get('mem_mb')} MB"]
    return ", ".join(parts) + f", {resources.get('runtime')} minutes"


def _check_running(jobs: Sequence[Any]) -> None:
    """Refuse to submit jobs that a killed snakemake has left in Slurm: the same work would be done twice at once."""
    planned = set(map(_comment_job, jobs))
    listed = _query_slurm("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i\t%Z\t%k")
    rows = [line.split("\t") for line in listed.splitlines()]
    here = os.path.realpath(os.getcwd())
    running = [number for number, folder, comment in rows if os.path.realpath(folder) == here and comment in planned]
    if running:
        raise StudyError(
            "jobs of an earlier run are still in Slurm, doing the same work: wait until they end, or stop them with\n"
            f"  scancel {' '.join(running)}\n(their finished results are kept), and run the same command again"
        )


def _comment_job(job: Any) -> str:
    """Return the text that the executor writes into a job's comment."""
    wildcards = get_job_wildcards(job)
    return f"rule_{job.rule.name}_wildcards_{wildcards}" if wildcards else f"rule_{job.rule.name}"
