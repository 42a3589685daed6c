"""The study, the closed constraints of the wildcards, and the functions that rules ask: common/<topic>.smk for <topic>.smk.

Imports nothing heavy: every job of a cluster parses these files.
"""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from synthdiv.clock import check_clock
from synthdiv.config import check_files
from synthdiv.errors import StudyError
from synthdiv.identity import REVIEW, SPLITS, format_scale
from synthdiv.roles import find_prompts_of, find_repeated, find_roles
from synthdiv.study import Study
from synthdiv.study_checks import check_sources
from synthdiv.study_parts import Drawing
from synthdiv.transfer_sets import VALIDATION, find_root

# the threads of a job that wait for each other sleep, and leave the cores to other jobs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

BEFOREHAND = {"grid", "fetch_models", "calibrate", "list_unused", "remove_unused"}
"""Targets that need none of the images that a user brings."""


def needs_sources():
    """Whether this is the process that the user started, for more than such a target (Snakemake names them later)."""
    return workflow.is_main_process and BEFOREHAND.isdisjoint(sys.argv)


try:
    if workflow.is_main_process:
        check_files(workflow.configfiles)
    STUDY = Study(config)
    if needs_sources():
        check_sources(STUDY)
    if workflow.is_main_process and "review" in sys.argv:
        STUDY.plan_review()
except StudyError as error:
    raise WorkflowError(str(error)) from None

COLLECTIONS = list(dict.fromkeys(map(STUDY.collection_of, STUDY.sets)))


def check_cluster():
    """Before anything is submitted to Slurm: whether it answers, and has a place for every job. And outlast its outages."""
    if workflow.executor_plugin.name != "slurm":
        return
    from synthdiv import cluster

    try:
        cluster.check_cluster(
            [job for job in workflow.dag.needrun_jobs() if not job.is_local],
            partition_config=workflow.executor_settings.partition_config
            or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS"),
            status_command=workflow.executor_settings.status_command,
        )
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    cluster.outlast_outages()


def check_inputs():
    """Before anything runs: whether an input is from the future."""
    try:
        check_clock(
            {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
        )
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def growing(base):
    """Memory or time that grows with every attempt: what was too little once is not asked for again."""

    def size(wildcards, attempt):
        return base * attempt

    return size


def gpus(wildcards):
    """One, unless the study stays on the CPU."""
    return 0 if STUDY.config["device"] == "cpu" else 1


def one_of(names):
    """A wildcard constraint that admits these names and nothing else."""
    return "|".join(map(re.escape, dict.fromkeys(names))) or "(?!)"


def list_folders():
    """The folders, in the study's results, of collections in several tables: a table a shard."""
    if len(STUDY.shards) == 1:
        return []
    drawn = [f"images/{drawing.collection}" for drawing in STUDY.drawings]
    first = STUDY.encoders[0]
    datasets = {name: STUDY.sets[name]["dataset"] for name in STUDY.reviewable}
    reviewed = [f"images/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/prompts/{name}" for name in datasets.values()]
    embedded = [
        f"embeddings/{encoder}/{STUDY.collection_of(name)}"
        for encoder in STUDY.config["encoders"]
        for name in STUDY.sets_of(encoder)
    ]
    return list(dict.fromkeys(drawn + embedded + reviewed))


def listed_tables(wildcards):
    return [f"<results>/{wildcards.folder}/{shard}.parquet" for shard in STUDY.shards]


def whole_table(folder):
    """What stands for all tables of a folder: their listing, or the one table itself."""
    name = (
        "tables.json"
        if len(STUDY.shards) > 1
        else f"{next(iter(STUDY.shards))}.parquet"
    )
    return f"<results>/{folder}/{name}"


def sweep_experiments():
    """The experiments that the sweeps' figures are from, in the matrix or not."""
    return [
        one for one in STUDY.sweep_figures if one.reference and one.classifier is None
    ]


def list_featured():
    """The sets whose images' features are taken, from images/ on: the transfer sets, and natural images."""
    own = [] if STUDY.feature_set is None else [f"natural/{STUDY.feature_set}"]
    return [f"transfer/{name}" for name in STUDY.transfer_sets] + own


def name_encodings():
    """What the files of each encoder of a transfer are called, by its name and training set."""
    trained = {pair: f"classifiers/{pair[0]}/{pair[1]}" for pair in STUDY.evaluations}
    return trained | {
        (name, None): f"encoders/{name}" for name in STUDY.config["encoders"]
    }


wildcard_constraints:
    dataset=one_of(STUDY.datasets),
    scale=one_of(format_scale(drawing.guidance_scale) for drawing in STUDY.drawings),
    shard=one_of(STUDY.shards),
    generator=one_of(STUDY.config["generators"]),
    encoder=one_of(STUDY.encoders),
    set=one_of(STUDY.sets),
    images=one_of(
        [name for name in COLLECTIONS if not name.startswith(("prompts/", "brought/"))]
        + [f"review/{name}" for name in STUDY.reviewable]
    ),
    split=one_of(SPLITS),
    reference=one_of(STUDY.references + [one.reference for one in sweep_experiments()]),
    query=one_of(STUDY.queries + [one.query for one in sweep_experiments()]),
    folder=one_of(list_folders()),
    classifier=one_of(STUDY.config["classifiers"]),
    training=one_of(training for _, training in STUDY.evaluations),
    seed=r"\d+",
    probe=one_of(STUDY.probes),
    transfer_set=one_of(STUDY.transfer_sets),
    featured=one_of(list_featured()),
    encoding=one_of(name_encodings().values()),
    part=r"[a-z_]+",


include: "common/prompts.smk"
include: "common/images.smk"
include: "common/embeddings.smk"
include: "common/probes.smk"
include: "common/experiments.smk"
include: "common/metrics.smk"
include: "common/embedding_classifiers.smk"
include: "common/diagnosis.smk"
include: "common/guidance.smk"
include: "common/adherence.smk"
include: "common/classifiers.smk"
include: "common/review.smk"
include: "common/transfer.smk"
include: "common/audit.smk"
include: "common/figures.smk"
include: "common/report.smk"
