"""The change to the Slurm executor; the rest needs a cluster (tests/slurm)."""

import asyncio
import logging

import snakemake_executor_plugin_slurm as executor

from synthdiv.operations.cluster import outlast_outages


def test_jobs_are_not_forgotten_when_their_states_cannot_be_queried(monkeypatch):
    """The executor interprets None as no jobs at all, and a job missing from an answer as still queued."""
    monkeypatch.setattr(executor, "query_job_status", executor.query_job_status)
    log = logging.getLogger("executor")
    assert asyncio.run(executor.query_job_status("false", log)) == (None, None)
    outlast_outages()
    assert asyncio.run(executor.query_job_status("false", log)) == ({}, 0.0)
    states, _ = asyncio.run(executor.query_job_status("echo 7|RUNNING", log))
    assert states == {"7": "RUNNING"}
