"""The study, the wildcard constraints, and how rules ask for their inputs, params and resources.

All knowledge is in the package: `from_plan`, `existing`, `job_of` and `stamps_of` ask its functions. This file imports nothing heavy,
since every cluster job parses it.
"""

import inspect
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

REPOSITORY = Path(str(workflow.current_basedir)).resolve().parents[1]

try:
    from synthdiv.core.installation import check_installation
except ImportError:
    raise WorkflowError(
        f"the package synthdiv is not installed in {sys.prefix}: run `make environment` in {REPOSITORY} and activate its .venv, or "
        f"`python -m pip install --no-deps --no-build-isolation -e {REPOSITORY}`"
    ) from None

from synthdiv.config.loading import check_files
from synthdiv.core.clock import check_clock
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.results_format import check_results_format, write_results_format
from synthdiv.core.stamps import stamp_paths
from synthdiv.jobs import (
    audit,
    classifiers,
    diagnosis,
    embeddings,
    experiments,
    figures,
    files,
    images,
    metrics,
    prompts,
    review,
    transfer,
)
from synthdiv.jobs import report as report_jobs
from synthdiv.operations.command_line import check_capacity
from synthdiv.operations.snakemake_faults import mend_snakemake
from synthdiv.operations.software import describe_changes
from synthdiv.plan.checks import check_sources
from synthdiv.plan.classifiers import list_answers
from synthdiv.plan.experiments import list_metric_references
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.config.rungs import list_ladder_trainings, list_made_rungs
from synthdiv.plan.loading import load_study
from synthdiv.plan.review import plan_review
from synthdiv.plan.sets import list_encoders, list_grammar_sets
from synthdiv.plan.study_record import check_record, write_record
from synthdiv.plan.transfer import list_transfer_sets

# for envs/synthdiv.post-deploy.sh
os.environ.update(SYNTHDIV_REPOSITORY=str(REPOSITORY))
# waiting threads sleep and leave the cores to other jobs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

mend_snakemake()

PAPER = REPOSITORY / audit.PAPER
CONFIG_FILES = [str(path) for path in workflow.configfiles]
PLANNING_TARGETS = {
    "grid",
    "fetch_models",
    "calibrate",
    "list_unused",
    "remove_unused",
    "verify",
}
"""Targets that need no user-provided images."""


def stop(error):
    """Show an error and end. Snakemake would show one that is raised as if it were in this file."""
    logger.error(str(error))
    raise SystemExit(1)


def warn(message):
    """Show a warning, if there is one."""
    if message is not None:
        logger.warning(message)


def needs_user_files():
    """Return whether this is the main process with other targets than these (Snakemake parses targets later)."""
    return workflow.is_main_process and PLANNING_TARGETS.isdisjoint(sys.argv)


try:
    check_installation(REPOSITORY)
    if workflow.is_main_process:
        check_capacity(workflow.resource_settings)
        check_files(CONFIG_FILES)
    if not config:
        raise StudyError(
            "the config is empty: a workflow that uses this one as a module gives it one, by `config: config`"
        )
    STUDY = load_study(config, CONFIG_FILES)
    RESULTS = Path("results", STUDY.name)
    if workflow.is_main_process:
        check_results_format(RESULTS)
        warn(check_record(RESULTS, STUDY, CONFIG_FILES))
        # in conda environments and containers, jobs have other packages than this process
        if not workflow.deployment_settings.deployment_method:
            warn(describe_changes(STUDY, RESULTS))
    if needs_user_files():
        check_sources(STUDY, CONFIG_FILES, config)
    if workflow.is_main_process and "review" in sys.argv:
        plan_review(STUDY)
except StudyError as error:
    stop(error)


def check_cluster():
    """Check before submission that Slurm answers and has a partition for every job, and make jobs survive its outages."""
    if workflow.executor_plugin.name != "slurm":
        return
    from synthdiv.operations import cluster

    try:
        cluster.check_cluster(
            [job for job in workflow.dag.needrun_jobs() if not job.is_local],
            partition_config=workflow.executor_settings.partition_config
            or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS"),
            status_command=workflow.executor_settings.status_command,
        )
    except StudyError as error:
        stop(error)
    cluster.outlast_outages()


def record_study():
    """Record before the first job of which config, seed and classes the results are."""
    try:
        write_results_format(RESULTS)
        write_record(RESULTS, STUDY, CONFIG_FILES)
    except StudyError as error:
        stop(error)


def check_inputs():
    """Check before the first job that no input has a modification time in the future."""
    try:
        check_clock(
            {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
        )
    except StudyError as error:
        stop(error)


def from_plan(function):
    """Return a function of wildcards for a rule: `function` of the study, and of those wildcards that it takes."""
    parameters = inspect.signature(function).parameters.values()
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    names = {one.name for one in parameters}

    def ask(wildcards):
        chosen = {
            key: value for key, value in wildcards.items() if takes_all or key in names
        }
        return function(STUDY, **chosen)

    return ask


def job_of(make):
    """Return the function of wildcards that gives a rule's job as its params."""
    ask = from_plan(make)

    def ask_job(wildcards):
        return ask(wildcards).to_params()

    return ask_job


stamp_once = cache(stamp_paths)


def stamps_of(function):
    """Return a function of wildcards that gives what changes whenever one of a job's user-provided files does."""
    ask = from_plan(function)

    def ask_stamps(wildcards):
        return stamp_once(tuple(ask(wildcards)))

    return ask_stamps


def existing(*names):
    """Return a function of wildcards that gives those of some results tables that the study has."""

    def ask(wildcards):
        return files.find_results(STUDY, *names)

    return ask


def from_paper(function):
    """Return a function of wildcards that gives the paths of published tables."""

    def ask(wildcards):
        return [str(PAPER / name) for name in function(STUDY)]

    return ask


def list_options(wildcards):
    """Return the options of Snakemake's command line, without targets."""
    return [one for one in sys.argv[1:] if one not in workflow.dag_settings.targets]


def growing(base):
    """Return memory or time that grows with each attempt, since the previous request may have been too small."""

    def size(wildcards, attempt):
        return base * attempt

    return size


def one_of(names):
    """Return a wildcard constraint that matches exactly these names."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


SCORED = experiments.list_scored(STUDY)


wildcard_constraints:
    dataset=one_of(STUDY.datasets),
    scale=one_of(
        {format_scale(run.guidance_scale) for run in list_generation_runs(STUDY)}
    ),
    shard=one_of(list_shards(STUDY)),
    generator=one_of(STUDY.config.generators),
    encoder=one_of(list_encoders(STUDY)),
    set_name=one_of(STUDY.sets),
    collection=one_of(files.list_image_collections(STUDY)),
    indexed=one_of(one["indexed"] for one in images.list_indexed(STUDY)),
    reference=one_of({one["reference"] for one in SCORED}),
    query=one_of({one["query"] for one in SCORED}),
    folder=one_of(files.list_folders(STUDY)),
    classifier=one_of(STUDY.config.classifiers),
    predictions=one_of(STUDY.config.predictions),
    training=one_of(
        {
            training
            for _, training in list_answers(STUDY)
            + list_ladder_trainings(STUDY.config)
        }
    ),
    rung=one_of(list_made_rungs(STUDY.config)),
    seeds=one_of({one["seeds"] for one in classifiers.list_trained(STUDY)}),
    probe=one_of(STUDY.prompt_probes),
    transfer_set=one_of(list_transfer_sets(STUDY)),
    feature_images=one_of(transfer.list_feature_images(STUDY)),
    encoding=one_of(transfer.list_encodings(STUDY).values()),
    page=r"[a-z_]+",
