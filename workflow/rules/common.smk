"""The study, the wildcard constraints, and the input and params functions of <topic>.smk in common/<topic>.smk.

These files import nothing heavy, since every cluster job parses them.
"""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

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
from synthdiv.core.fingerprints import REVIEW, SPLITS, format_scale
from synthdiv.core.results_format import check_results_format
from synthdiv.images.transfer_sets import VALIDATION, find_root
from synthdiv.plan.checks import check_sources
from synthdiv.plan.classifiers import (
    list_evaluations,
    list_parts,
    list_training_runs,
    make_training_recipe,
)
from synthdiv.plan.experiments import (
    find_natural_reference,
    list_comparisons,
    list_diagnosed,
    list_encoder_experiments,
    list_diagnosis_references,
    list_metric_references,
    list_queries,
    list_references,
)
from synthdiv.plan.generation import (
    find_generator,
    find_owner,
    find_run,
    list_generation_runs,
    list_shards,
    make_generation_recipe,
    make_prompt_recipe,
)
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import USER_PROVIDED, GenerationRun
from synthdiv.plan.review import choose_reviewer, list_reviewable, plan_review
from synthdiv.plan.set_roles import (
    find_prompt_sets,
    find_roles,
    list_repeated_prompt_sets,
)
from synthdiv.plan.sets import (
    choose_features,
    find_class_ids,
    find_collection,
    find_embedding_files,
    find_natural_files,
    find_natural_images,
    list_encoded_sets,
    list_encoders,
    list_grammar_sets,
    list_image_sets,
    list_sheet_sets,
    list_splits,
    list_text_encoders,
    read_natural_counts,
)
from synthdiv.plan.sweeps import find_sweep_metrics, find_sweeps
from synthdiv.plan.transfer import (
    find_feature_set,
    find_transfer_files,
    list_transfer_sets,
)

# for envs/synthdiv.post-deploy.sh
os.environ.update(SYNTHDIV_REPOSITORY=str(REPOSITORY))
# waiting threads sleep and leave the cores to other jobs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PLANNING_TARGETS = {"grid", "fetch_models", "calibrate", "list_unused", "remove_unused"}
"""Targets that need no user-provided images."""


def needs_user_files():
    """Return whether this is the main process with other targets than these (Snakemake parses targets later)."""
    return workflow.is_main_process and PLANNING_TARGETS.isdisjoint(sys.argv)


try:
    check_installation(REPOSITORY)
    if workflow.is_main_process:
        check_files(workflow.configfiles)
    STUDY = load_study(config)
    if workflow.is_main_process:
        check_results_format(Path("results", STUDY.name))
    if needs_user_files():
        check_sources(STUDY)
    if workflow.is_main_process and "review" in sys.argv:
        plan_review(STUDY)
except StudyError as error:
    raise WorkflowError(str(error)) from None

COLLECTIONS = list(dict.fromkeys(find_collection(STUDY, name) for name in STUDY.sets))


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
        raise WorkflowError(str(error)) from None
    cluster.outlast_outages()


def check_inputs():
    """Check before the first job that no input has a modification time in the future."""
    try:
        check_clock(
            {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
        )
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def growing(base):
    """Return memory or time that grows with each attempt, since the previous request may have been too small."""

    def size(wildcards, attempt):
        return base * attempt

    return size


def gpus(wildcards):
    """Return 1, or 0 if the study runs on the CPU."""
    return 0 if STUDY.config["device"] == "cpu" else 1


def one_of(names):
    """Return a wildcard constraint that matches exactly these names."""
    return "|".join(map(re.escape, dict.fromkeys(names))) or "(?!)"


def list_folders():
    """List the results folders that have one table per shard, if there are several shards."""
    if len(list_shards(STUDY)) == 1:
        return []
    generated = [f"images/{run.collection}" for run in list_generation_runs(STUDY)]
    first = list_encoders(STUDY)[0]
    datasets = {name: STUDY.sets[name]["dataset"] for name in list_reviewable(STUDY)}
    reviewed = [f"images/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/prompts/{name}" for name in datasets.values()]
    embedded = [
        f"embeddings/{encoder}/{find_collection(STUDY, name)}"
        for encoder in STUDY.config["encoders"]
        for name in list_encoded_sets(STUDY, encoder)
    ]
    return list(dict.fromkeys(generated + embedded + reviewed))


def manifest_tables(wildcards):
    return [
        f"<results>/{wildcards.folder}/{shard}.parquet" for shard in list_shards(STUDY)
    ]


def find_manifest(folder):
    """Return the file that represents all tables of a folder: their manifest, or the only table."""
    name = (
        "manifest.json"
        if len(list_shards(STUDY)) > 1
        else f"{next(iter(list_shards(STUDY)))}.parquet"
    )
    return f"<results>/{folder}/{name}"


def sweep_experiments():
    """List the experiments of the sweeps' metrics, whether or not they are in the matrix."""
    return [
        one
        for one in find_sweep_metrics(STUDY)
        if one.reference and one.classifier is None
    ]


def list_feature_images():
    """List the image sets to extract features from, as paths below images/: the transfer sets and a natural set."""
    own = (
        []
        if find_feature_set(STUDY) is None
        else [f"natural/{find_feature_set(STUDY)}"]
    )
    return [f"transfer/{name}" for name in list_transfer_sets(STUDY)] + own


def list_encodings():
    """Map each encoder of the transfer, by its name and training set, to the name of its files."""
    trained = {
        pair: f"classifiers/{pair[0]}/{pair[1]}" for pair in list_evaluations(STUDY)
    }
    return trained | {
        (name, None): f"encoders/{name}" for name in STUDY.config["encoders"]
    }


wildcard_constraints:
    dataset=one_of(STUDY.datasets),
    scale=one_of(
        format_scale(run.guidance_scale) for run in list_generation_runs(STUDY)
    ),
    shard=one_of(list_shards(STUDY)),
    generator=one_of(STUDY.config["generators"]),
    encoder=one_of(list_encoders(STUDY)),
    set=one_of(STUDY.sets),
    images=one_of(
        [
            name
            for name in COLLECTIONS
            if not name.startswith(("prompts/", f"{USER_PROVIDED}/"))
        ]
        + [f"review/{name}" for name in list_reviewable(STUDY)]
    ),
    split=one_of(SPLITS),
    reference=one_of(
        list_references(STUDY) + [one.reference for one in sweep_experiments()]
    ),
    query=one_of(list_queries(STUDY) + [one.query for one in sweep_experiments()]),
    folder=one_of(list_folders()),
    classifier=one_of(STUDY.config["classifiers"]),
    training=one_of(training for _, training in list_evaluations(STUDY)),
    seed=r"\d+",
    probe=one_of(STUDY.prompt_probes),
    transfer_set=one_of(list_transfer_sets(STUDY)),
    feature_images=one_of(list_feature_images()),
    encoding=one_of(list_encodings().values()),
    part=r"[a-z_]+",


include: "common/prompts.smk"
include: "common/images.smk"
include: "common/embeddings.smk"
include: "common/prompt_probes.smk"
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
