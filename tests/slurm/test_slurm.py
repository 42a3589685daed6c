"""A study on a real one-machine Slurm cluster gives the same tables as without Slurm, whatever fails meanwhile."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml
from cluster import find_missing, run_cluster
from conftest import make_recipe
from small_study import count_generated, write_natural
from workplace import REPOSITORY, Workplace

pytestmark = pytest.mark.slurm

PER_CLASS = {"train": 100, "evaluation": 50}
IMAGES, BLOCKS = 4 * 150, 4 * 3  # of four classes, in blocks of 50
GENERATION = "generate_images/synset/g7.5/c0-3"
TRAINING = "train_classifier/pair/Natural-IM/1"
NATURAL = {"train": "natural/train", "evaluation": "natural/val"}
CONFIG = {
    "study": "faults",
    "classes": "classes.csv",
    "device": "auto",  # jobs request GPUs but compute on the CPU, since the GPUs are fake
    "generators": {
        "tiny": {
            "model": "resources/demo/models/stable-diffusion",
            "variant": "fp16",
            "dtype": "float32",
            "steps": 25,
            "width": 32,
            "height": 32,
            "batch_size": 10,
        }
    },
    "encoders": {"clip": {"model": "resources/demo/models/clip"}},
    "datasets": {"synset": {"builder": "lemmas", "guidance_scales": [7.5]}},
    "images_per_class": PER_CLASS,
    "classes_per_shard": 4,
    "sets": {
        "Natural-IM": {"kind": "image", "images": NATURAL},
        "Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5},
        "Synset-PRMT": {"kind": "prompt", "dataset": "synset"},
    },
    "experiments": {"references": ["Natural-IM", "Synset-PRMT"], "queries": ["Natural-IM", "Synset-IM"]},
    "classifiers": {
        "pair": {
            "recipe": make_recipe(steps=800, batch_size=32),
            "train": ["Natural-IM"],
            "evaluate": ["Natural-IM", "Synset-IM"],
            "seeds": [1],
            "processes": 2,
        }
    },
}
PARTITIONS = {"partitions": {"cpu": {"max_runtime": "7d"}, "gpu": {"max_runtime": "7d", "max_gpu": 2}}}
SITE = {
    "slurm-partition-config": "partitions.yaml",
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 3,
    "latency-wait": 10,
}


@pytest.fixture(scope="module")
def cluster():
    if missing := find_missing():
        pytest.fail(f"not installed: {', '.join(missing)} (make slurm-test installs Debian's slurm-wlm and munge)")
    with run_cluster() as cluster:
        yield cluster


def make_place(folder, environment=None):
    write_natural(folder, train=50, val=50)
    return Workplace.make(folder, CONFIG, environment=environment)


def write_site(folder, **changes):
    """Write the user's cluster settings into profiles/default/."""
    (folder / "profiles" / "default").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / "default" / "config.yaml").write_text(yaml.safe_dump(SITE | changes))
    (folder / "profiles" / "default" / "partitions.yaml").write_text(yaml.safe_dump(PARTITIONS))


def read_tables(place):
    """Read the bytes of every table except the job table."""
    tables = place.results / "tables"
    return {path.name: path.read_bytes() for path in sorted(tables.iterdir()) if path.name != "jobs.csv"}


@pytest.fixture(scope="module")
def local_tables(tmp_path_factory):
    """Return the study's tables from the local profile."""
    place = make_place(tmp_path_factory.mktemp("local"))
    place.run()
    return read_tables(place)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cluster):
    """Run the study on the cluster without faults; tests with faults use copies."""
    place = make_place(tmp_path_factory.mktemp("slurm"), cluster.environment)
    write_site(place.folder)
    place.output = place.run(profile="slurm").stdout
    return place


class Run:
    """A running snakemake process."""

    def __init__(self, place, *arguments):
        self.place = place
        self.log = place.folder / f"run-{time.monotonic_ns()}.log"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                place.command(*arguments, profile="slurm"), cwd=place.folder, env=place.environment, stdout=out, stderr=out
            )

    def wait_for(self, find, seconds=480):
        """Return the first true result of ``find()``."""
        deadline = time.monotonic() + seconds
        while not (found := find()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"timed out waiting for {find.__name__}:\n{self.log.read_text()[-6000:]}")
            time.sleep(0.2)
        return found

    def finish(self, seconds=1500):
        """Wait for a successful end and return the output."""
        assert self.process.wait(seconds) == 0, self.log.read_text()[-8000:]
        return self.log.read_text()


AFTER_GENERATION = ["experiments", "results/faults/tables/flags.csv"]
"""Targets that depend on the generated images and need few jobs."""


@pytest.fixture
def ungenerated(finished, tmp_path):
    """Copy the finished study without its generated images and all results that depend on them."""
    place = finished.copy_to(tmp_path / "place")
    for path in (place.folder / "archive", place.results / "images" / "synset", place.results / "embeddings/clip/synset"):
        shutil.rmtree(path)
    for path in [*place.results.glob("experiments/*/*/Synset-IM.parquet"), *place.results.glob("tables/*")]:
        path.unlink()
    return place


def check_tables(place, local_tables):
    """Check that the rebuilt tables equal those of the local profile."""
    tables = read_tables(place)
    assert {"experiments.csv", "per_class.parquet", "experiment_differences.csv", "flags.csv"} <= tables.keys()
    assert [name for name in tables if tables[name] != local_tables[name]] == []


def list_blocks(place):
    """List the blocks in the archive with their modification times."""
    return {path.name: path.stat().st_mtime_ns for path in (place.folder / "archive").rglob("*.tar")}


def find_job(cluster, comment):
    """Find the running job whose comment starts with the given text."""
    jobs = [job for job in cluster.list_jobs("RUNNING") if job.get("Comment", "").startswith(comment)]
    return jobs[0] if jobs else None


def wait_for_generation(run, cluster, blocks=2):
    """Wait until some blocks exist; return the generation job and the blocks."""

    def generation_is_under_way():
        return len(list_blocks(run.place)) >= blocks and find_job(cluster, "rule_generate_images")

    job = run.wait_for(generation_is_under_way)
    return job, list_blocks(run.place)


def find_processes(place, part):
    """Find the processes of a rule's script in this place."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        if process.info["cwd"] == str(place.folder) and len(command) == 2 and command[1].endswith(f".{part}.py"):
            found.append(process)
    return found


def read_log(place, rule):
    return (place.results / "logs" / f"{rule}.log").read_text()


def check_generated_once(place, before):
    """Check that no block was generated twice: the last attempt left existing blocks untouched and made only the others."""
    after = list_blocks(place)
    assert len(after) == BLOCKS
    assert before.items() <= after.items()
    new, copied, found = count_generated(place)["synset/g7.5/c0-3"]
    assert (new + found, copied) == (IMAGES, 0)
    if count_attempts(place, GENERATION) > 1:
        assert found >= 50 * len(before)


def count_attempts(place, rule):
    return read_log(place, rule).count("started on")


def test_the_tables_equal_those_of_the_local_profile(finished, local_tables):
    tables = read_tables(finished)
    assert tables.keys() == local_tables.keys()
    assert [name for name in tables if tables[name] != local_tables[name]] == []


def test_jobs_request_the_resources_of_the_profile(finished, cluster):
    jobs = {job["Comment"]: job for job in cluster.list_jobs() if job["WorkDir"] == str(finished.folder)}
    requested = {
        comment: (job["Partition"], job.get("TresPerJob"), job["MinMemoryNode"], job["TimeLimit"], job["CPUs/Task"])
        for comment, job in jobs.items()
    }
    assert requested["rule_generate_images_wildcards_synset_7.5_c0-3"] == ("gpu", "gres:gpu:1", "16000M", "04:00:00", "4")
    assert requested["rule_train_classifier_wildcards_pair_Natural-IM_1"][:2] == ("gpu", "gres:gpu:2")
    assert jobs["rule_train_classifier_wildcards_pair_Natural-IM_1"]["NumNodes"] == "1"
    assert requested["rule_index_images_wildcards_natural_Natural-IM"][:3] == ("cpu", None, "8000M")
    # three embeddings share a job and its GPU, one after the other
    assert requested["rule_embed_embed_images_embed_prompts"][:3] == ("gpu", "gres:gpu:1", "16000M")
    assert requested["rule_score_score_experiment"][:3] == ("cpu", None, "4000M")
    assert all(job["Requeue"] == "1" for job in jobs.values())


def test_a_training_job_on_two_gpus_starts_once_and_sees_both(finished, cluster):
    log = read_log(finished, TRAINING)
    assert count_attempts(finished, TRAINING) == 1
    assert ", GPUs 0,1\n" in log


def test_a_cancelled_generation_job_resumes(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION)
    job, before = wait_for_generation(run, cluster)
    cluster.run("scancel", job["JobId"])
    output = run.finish()
    assert f"SLURM-job '{job['JobId']}' failed, SLURM status is: 'CANCELLED'" in output
    assert "stopped by SIGTERM; finished work is kept" in read_log(ungenerated, GENERATION)
    assert count_attempts(ungenerated, GENERATION) == 2
    check_generated_once(ungenerated, before)
    assert not list((ungenerated.folder / "archive").rglob("*.tmp"))
    check_tables(ungenerated, local_tables)


def test_a_killed_process_is_retried(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION)
    _, before = wait_for_generation(run, cluster)
    (process,) = find_processes(ungenerated, "generate_images")
    process.kill()
    output = run.finish()
    assert "SLURM status is: 'FAILED'" in output
    assert count_attempts(ungenerated, GENERATION) == 2
    check_generated_once(ungenerated, before)
    check_tables(ungenerated, local_tables)


def test_a_dead_nodes_job_resumes_on_another_node(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION)
    job, before = wait_for_generation(run, cluster)
    cluster.kill_node(job["NodeList"])

    def runs_elsewhere():
        again = find_job(cluster, "rule_generate_images")
        return again and again["JobId"] == job["JobId"] and again["NodeList"] != job["NodeList"]

    try:
        run.wait_for(runs_elsewhere)
    finally:
        cluster.start_node(job["NodeList"])
        cluster.wait_for_nodes()
    run.finish()
    assert read_log(ungenerated, GENERATION).count(f", Slurm job {job['JobId']}, GPUs ") == 2  # it was requeued
    check_generated_once(ungenerated, before)
    check_tables(ungenerated, local_tables)


def test_a_study_survives_a_controller_outage(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION)
    _, before = wait_for_generation(run, cluster)
    cluster.kill("slurmctld")
    time.sleep(20)
    cluster.start_controller()
    cluster.wait_for_nodes()
    if run.process.wait(1500) != 0:
        ungenerated.run(*AFTER_GENERATION, profile="slurm")
    check_generated_once(ungenerated, before)
    check_tables(ungenerated, local_tables)


def test_a_hanging_job_is_retried_after_its_time_limit(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION, "--set-resources", "generate_images:runtime=attempt")
    _, before = wait_for_generation(run, cluster)
    (process,) = find_processes(ungenerated, "generate_images")
    process.suspend()
    output = run.finish()
    assert "SLURM status is: 'TIMEOUT'" in output
    assert "stopped by SIGTERM; finished work is kept" in read_log(ungenerated, GENERATION)
    check_generated_once(ungenerated, before)
    check_tables(ungenerated, local_tables)


def test_a_job_that_runs_out_of_memory_gets_more(ungenerated, cluster, local_tables):
    Run(ungenerated, *AFTER_GENERATION, "--set-resources", "generate_images:mem_mb=900*attempt").finish()
    jobs = [job for job in cluster.list_jobs() if job["WorkDir"] == str(ungenerated.folder)]
    run = [(job["JobState"], job["MinMemoryNode"]) for job in jobs if job["Comment"].startswith("rule_generate_images")]
    # with cgroups, Slurm reports OUT_OF_MEMORY; here, only the node's log gives the reason
    assert run == [("FAILED", "900M"), ("COMPLETED", "1800M")]
    assert any("exceeded memory limit" in log.read_text() for log in cluster.folder.glob("slurmd-node*.log"))
    check_tables(ungenerated, local_tables)


def test_a_killed_snakemake_can_be_restarted(ungenerated, cluster, local_tables):
    run = Run(ungenerated, *AFTER_GENERATION)
    job, before = wait_for_generation(run, cluster)
    run.process.kill()
    run.process.wait()
    (process,) = find_processes(ungenerated, "generate_images")
    process.suspend()  # so that the job is still there when the second run looks for it
    assert "--unlock" in ungenerated.run(*AFTER_GENERATION, profile="slurm", check=False).stdout
    ungenerated.run("--unlock", profile="slurm")
    refused = ungenerated.run(*AFTER_GENERATION, profile="slurm", check=False)
    assert refused.returncode != 0
    assert f"scancel {job['JobId']}" in refused.stdout
    process.resume()
    cluster.run("scancel", job["JobId"])
    while cluster.run("squeue", "--noheader", "--jobs", job["JobId"]).strip():
        time.sleep(0.2)
    before |= list_blocks(ungenerated)
    ungenerated.run(*AFTER_GENERATION, profile="slurm")
    check_generated_once(ungenerated, before)
    check_tables(ungenerated, local_tables)


def test_a_cancelled_training_job_resumes(finished, cluster, tmp_path, local_tables):
    place = finished.copy_to(tmp_path / "place")
    for name in ("classifiers", "evaluations", "tables", "logs/train_classifier"):
        shutil.rmtree(place.results / name)
    run = Run(place, "results/faults/tables/classifiers.csv")

    def training_is_under_way():
        job = find_job(cluster, "rule_train_classifier")
        path = place.results / "logs" / f"{TRAINING}.log"
        return job and path.exists() and len(re.findall(r"(\d+)/800", path.read_text())) > 2 and job

    job = run.wait_for(training_is_under_way)
    cluster.run("scancel", job["JobId"])
    run.finish()
    log = read_log(place, TRAINING)
    (stopped,) = set(re.findall(r"stopped after step (\d+) of 800", log))  # logged by both processes
    assert f"resuming from the checkpoint of step {stopped} of 800" in log
    assert read_tables(place)["classifiers.csv"] == local_tables["classifiers.csv"]


def test_a_controller_that_does_not_answer_is_reported(finished, cluster, tmp_path):
    text = Path(cluster.environment["SLURM_CONF"]).read_text()
    (tmp_path / "slurm.conf").write_text(re.sub(r"(?m)^SlurmctldPort=.*", "SlurmctldPort=1", text))
    place = finished.copy_to(tmp_path / "place")
    place.environment = place.environment | {"SLURM_CONF": str(tmp_path / "slurm.conf")}
    start = time.monotonic()
    done = place.run("--forcerun", "write_prompts", profile="slurm", check=False)
    assert done.returncode != 0
    assert "Slurm's controller does not answer" in done.stdout
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ({"slurm-partition-config": None}, "no partition is named yet; this cluster has cpu, gpu"),
        ({"slurm-status-command": "sacct"}, "write `slurm-status-command: squeue` into profiles/default/config.yaml"),
        ({"set-resources": {"write_prompts": {"slurm_partition": "fast"}}}, "'fast', but this cluster has cpu, gpu"),
        ({"set-resources": {"write_prompts": {"gpu": 9}}}, "has room for jobs of\n  write_prompts: 9 GPUs, 1 CPUs"),
    ],
)
def test_missing_site_settings_are_reported(finished, tmp_path, site, message):
    place = finished.copy_to(tmp_path / "place")
    write_site(place.folder, **site)
    done = place.run("--forcerun", "write_prompts", profile="slurm", check=False)
    assert done.returncode != 0
    assert message in done.stdout


def test_the_demo_study_gives_the_same_tables(cluster, tmp_path):
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    places = [Workplace.make(tmp_path / name, config, environment=cluster.environment) for name in ("local", "cluster")]
    places[0].run()
    write_site(places[1].folder)
    places[1].run(profile="slurm")
    tables, others = map(read_tables, places)
    assert tables.keys() == others.keys()
    assert [name for name in tables if tables[name] != others[name]] == []
