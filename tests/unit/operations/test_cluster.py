"""What is done about the Slurm executor; the rest needs a cluster (tests/slurm)."""

import asyncio
import logging

import snakemake_executor_plugin_slurm as executor

from synthdiv.operations.cluster import outlast_outages


def test_jobs_are_kept_in_mind_when_their_state_cannot_be_asked_for(monkeypatch):
    """The executor takes None for no jobs at all, and an answer without a job for one that is still queued."""
    monkeypatch.setattr(executor, "query_job_status", executor.query_job_status)
    log = logging.getLogger("executor")
    assert asyncio.run(executor.query_job_status("false", log)) == (None, None)
    outlast_outages()
    assert asyncio.run(executor.query_job_status("false", log)) == ({}, 0.0)
    states, _ = asyncio.run(executor.query_job_status("echo 7|RUNNING", log))
    assert states == {"7": "RUNNING"}
