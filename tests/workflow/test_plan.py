"""Snakemake's plans, by dry runs."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from rule_files import COMMAND, RULE_FILES, SCRIPTS, list_local_rules, list_rules
from workplace import REPOSITORY

from synthdiv.core.results_format import write_results_format
from synthdiv.jobs.classifiers import list_initial_weights, list_trained
from synthdiv.jobs.rules import RULES, list_jobs
from synthdiv.plan.loading import load_study


@pytest.fixture
def demo_config():
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def choose_nothing(config):
    """Remove the number of images that choose a training set, which has no effect without several sets to choose from."""
    del config["sets"]["Fashion-IM"]["images_per_class"]["selection"]


def list_messages(output):
    """List the job messages of a dry run."""
    return re.findall(r"^(?:local)?(?:Job|job) \d+: (.*)$", output, flags=re.MULTILINE)


def count_jobs(output):
    """Read the number of jobs of a dry run, by rule."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE)}


def list_figures(output):
    """List the figures that a dry run plots."""
    return re.findall(r"^(?:local)?(?:Job|job) \d+: Plot the figure (\w+)$", output, flags=re.MULTILINE)


def list_scored(output):
    return {message for message in list_messages(output) if message.startswith("Score reference")}


def test_the_demo_plans_the_matrix_the_sweep_and_every_shard(workplace, demo_config):
    place = workplace(demo_config | {"classes_per_shard": 5})
    done = place.plan()
    references, queries = demo_config["experiments"]["references"], demo_config["experiments"]["queries"]
    matrix = {f"Score reference {r} x query {q} (tiny-clip)" for r in references for q in queries}
    assert len(matrix) == 36
    assert list_scored(place.plan("experiments").stdout) == matrix
    assert list_scored(done.stdout) - matrix == {
        f"Score reference {reference} x query {query} (tiny-clip)"
        for name in ("Disamb5.0-IM", "Disamb1.0-IM")
        for reference, query in (
            ("Disamb2.5-PRMT", name),
            (name, name),
            (name, "Fashion-IM"),
            ("Fashion-IM", name),
        )
    }
    counts = count_jobs(done.stdout)
    assert counts["score_experiment"] == 44
    assert counts["measure_spread"] == 5  # four guidance scales and the natural set
    assert [message for message in list_messages(done.stdout) if "adherence" in message] == [
        "Measure the modifier adherence of PromptAug-IM (tiny-clip)",
        "Tabulate the modifier adherence",
        "Plot the figure adherence",
    ]
    assert counts["generate_images"] == 12  # six generation runs of two shards
    assert counts["embed_images"] == 16
    assert counts["embed_prompts"] == 4
    assert counts["index_images"] == 3  # two natural sets, and the images that choose the best training set
    assert counts["choose_training_sets"] == counts["tabulate_accounts"] == 1
    trained = [message for message in list_messages(done.stdout) if message.startswith("Train small")]
    assert sorted(trained) == sorted(
        f"Train small on {name}, seeds 1-2-3" for name in demo_config["classifiers"]["small"]["train"]
    )
    assert counts["evaluate_classifier"] == 7
    assert counts["audit_tables"] == counts["check_claims"] == 1
    assert counts["generate_prompt_probe"] == counts["embed_prompt_probe"] == counts["score_prompt_probes"] == 1
    assert list_figures(done.stdout).count("prompt_probes") == 1
    assert not {"generate_review", "classify_review", "match_review", "write_review"} & counts.keys()


def test_seeds_are_split_between_training_jobs(workplace, demo_config):
    choose_nothing(demo_config)
    demo_config["classifiers"]["small"] |= {"seeds": [4, 5, 6], "seeds_per_job": 2, "train": ["Fashion-IM"]}
    demo_config["classifiers"]["tuned"] = demo_config["classifiers"]["small"] | {
        "seeds": [6, 5],
        "seeds_per_job": 1,
        "init_from": {"classifier": "small", "train": "Fashion-IM"},
    }
    study = load_study(demo_config)
    tuned = {one["seeds"]: list_initial_weights(study, "tuned", one["seeds"]) for one in list_trained(study)[2:]}
    assert tuned == {
        seed: [f"<results>/classifiers/small/Fashion-IM/weights_{of}.json"] for seed, of in (("6", "6"), ("5", "4-5"))
    }
    trained = [one for one in list_messages(workplace(demo_config).plan("classifiers").stdout) if "Fashion-IM, seeds" in one]
    assert sorted(trained) == [
        "Train small on Fashion-IM, seeds 4-5",
        "Train small on Fashion-IM, seeds 6",
        "Train tuned on Fashion-IM, seeds 5",
        "Train tuned on Fashion-IM, seeds 6",
    ]


def test_without_prompt_probes_no_job_for_them_is_planned(workplace, demo_config):
    del demo_config["prompt_probes"]
    done = workplace(demo_config).plan()
    assert not [
        rule for rule in count_jobs(done.stdout) if rule.endswith(("_probe", "_probes")) and rule != "train_linear_probe"
    ]
    assert "tables/prompt_probes.csv" not in done.stdout
    assert "prompt_probes" not in list_figures(done.stdout)


@pytest.mark.parametrize("reviewed_by", ["classifier", "natural images", "prompts"])
def test_a_review_is_planned_by_shard_and_only_needs_its_reviewer(workplace, demo_config, reviewed_by):
    demo_config |= {"classes_per_shard": 5, "review": {"set": "Disamb-IM"}}
    expected = {"generate_review": 2, "write_review": 1, "fingerprint_generator": 1, "review": 1, "write_manifest": 1}
    if reviewed_by == "classifier":
        expected |= {"classify_review": 1, "try_recipe": 1, "train_classifier": 1, "index_images": 1}
    else:
        del demo_config["classifiers"]
        choose_nothing(demo_config)
        expected |= {"match_review": 1, "try_encoder": 1, "embed_images": 2, "write_manifest": 3}
        if reviewed_by == "natural images":
            expected |= {"embed_images": 4, "index_images": 1}
        else:
            for part in ("sets", "experiments", "contact_sheets"):
                demo_config[part] = {k: v for k, v in demo_config[part].items() if part == "sets" and "dataset" in v}
            expected |= {"embed_prompts": 2}
    counts = count_jobs(workplace(demo_config).plan("review").stdout)
    assert {rule: count for rule, count in counts.items() if rule != "total"} == expected


def test_a_review_needs_a_reviewable_set(workplace, demo_config):
    demo_config = {key: demo_config[key] for key in ("study", "classes", "device")}
    natural = "resources/demo/natural/fashion-{}.parquet"
    images = {split: natural.format(split) for split in ("train", "evaluation")}
    encoders = {"encoders": {"clip": {"model": "resources/demo/models/clip"}}}
    config = demo_config | encoders | {"sets": {"Fashion-IM": {"kind": "image", "images": images}}}
    done = workplace(config).plan("review", check=False)
    assert done.returncode != 0
    assert "there is nothing to review: the config has no generated set with one prompt per class" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_slurm_profile_plans_from_a_fresh_clone_without_slurm(tmp_path):
    clone = tmp_path / "clone"
    commands = tmp_path / "bin"  # the commands of a machine without Slurm
    commands.mkdir()
    for name in ("bash", "git", "which"):
        (commands / name).symlink_to(shutil.which(name))
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n"],
        cwd=clone,
        env=os.environ | {"PATH": str(commands), "PYTHONPATH": str(clone / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert count_jobs(done.stdout + done.stderr)["score_experiment"] == 44


@pytest.mark.parametrize(
    ("target", "rules", "not_rules", "figures"),
    [
        ("generate", {"generate_images", "index_images", "fingerprint_generator"}, {"embed_images", "score_experiment"}, []),
        ("embed", {"embed_images", "embed_prompts"}, {"score_experiment"}, []),
        (
            "classifiers",
            {"try_recipe", "train_classifier", "rank_predictors"},
            {"check_prompts"},
            ["classifiers", "confusion", "predictors", "training"],
        ),
        ("guidance", {"measure_spread", "evaluate_classifier"}, {"tabulate_experiments"}, ["guidance"]),
        ("adherence", {"generate_images", "measure_adherence"}, {"score_experiment", "embed_prompts"}, ["adherence"]),
        ("experiments", {"score_experiment", "tabulate_experiments"}, {"check_prompts"}, []),
    ],
)
def test_targets(workplace, demo_config, target, rules, not_rules, figures):
    output = workplace(demo_config).plan(target).stdout
    assert rules <= count_jobs(output).keys()
    assert not not_rules & count_jobs(output).keys()
    assert sorted(list_figures(output)) == figures


def test_an_encoders_weights_are_an_input_of_its_embeddings(workplace, demo_config):
    encoders = {"resnet": {"library": "timm", "model": "resnet18", "pretrained": "weights.safetensors"}}
    place = workplace(demo_config | {"encoders": demo_config["encoders"] | encoders})
    table = place.results / "embeddings" / "resnet" / "natural" / "Fashion-IM" / "c0-9.parquet"
    index = place.results / "images" / "natural" / "Fashion-IM.parquet"
    for path in (place.folder / "weights.safetensors", index, index.with_suffix(".csv"), table):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made earlier")
    write_results_format(place.results)
    target = str(table.relative_to(place.folder))
    assert "Nothing to be done" in place.plan(target).stdout
    later = table.stat().st_mtime + 10
    os.utime(place.folder / "weights.safetensors", (later, later))
    assert "Updated input files: weights.safetensors" in place.plan(target).stdout


def test_a_study_inherits_nothing_from_the_demo(workplace, demo_config):
    """Snakemake merges --configfile into the config of `configfile:`; nothing of the demo may remain."""
    config = {key: demo_config[key] for key in ("classes", "generators", "encoders")} | {
        "study": "alone",
        "datasets": {"names": {"builder": "lemmas"}},
        "sets": {"Names-PRMT": {"kind": "prompt", "dataset": "names"}},
    }
    done = workplace(config).plan()
    assert count_jobs(done.stdout)["score_experiment"] == 1
    assert not {"train_classifier", "tabulate_guidance", "tabulate_adherence"} & count_jobs(done.stdout).keys()
    assert not re.search("disamb|Fashion|demo/", done.stdout.replace("resources/demo/", ""))


def test_a_sweep_without_prompts_natural_images_or_classifiers_lacks_their_metrics(workplace, demo_config):
    config = {key: demo_config[key] for key in ("classes", "generators", "encoders", "datasets")} | {
        "study": "sweep",
        "sets": {name: demo_config["sets"][name] for name in ("Disamb-IM", "Disamb1.0-IM", "PromptAug-IM")},
        "experiments": {"references": ["Disamb-IM"], "queries": ["PromptAug-IM"]},
    }
    place = workplace(config)
    done = place.plan("guidance")
    assert list_scored(done.stdout) == {
        f"Score reference {name} x query {name} (tiny-clip)" for name in ("Disamb-IM", "Disamb1.0-IM")
    }
    assert list_figures(done.stdout) == ["guidance"]
    del place.config["sets"]["Disamb1.0-IM"]
    place.write_config()
    assert "tabulate_guidance" not in count_jobs(place.plan().stdout)


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("cuda", 1)])
def test_neighbours_are_searched_on_the_scoring_device(workplace, demo_config, device, gpus):
    place = workplace(demo_config | {"scoring_device": device})
    found = {
        job.rule.name: (job.resources["device"], job.resources["gpu"])
        for job in place.list_jobs()
        if job.rule.name in ("score_experiment", "classify_embeddings", "find_duplicates")
    }
    assert found == dict.fromkeys(["score_experiment", "classify_embeddings", "find_duplicates"], (device, gpus))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes_per_shards": 3}, "classes_per_shards: there is no such key; did you mean classes_per_shard?"),
        (
            {"images_per_class": {"train": 99999}},
            "has 5760: add values to it, lower images_per_class, or let prompts repeat",
        ),
        ({"classes": "classes.csv"}, "the class table classes.csv does not exist"),
    ],
)
def test_a_bad_config_gives_a_one_sentence_error(workplace, demo_config, change, sentence):
    done = workplace(demo_config | change).plan(check=False)
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout


def test_snakemake_prints_the_mistakes_of_a_config_and_nothing_else(workplace, demo_config):
    place = workplace(demo_config)
    given = place.plan("--config", "seed=x", check=False)
    (place.folder / "study.yaml").write_text(
        "study: mine\nclasses: classes.csv\nsets:\n  Mine-IM:\n    kind: picture\n    embeddings: mine.npy\nseeds: 3\n"
    )
    read = place.plan(check=False)
    assert given.stdout.splitlines()[1:] == ["config: seed is 'x': write an integer from 0 to 4,294,967,295"]
    assert read.stdout.splitlines()[1:] == [
        "the config has 2 mistakes:",
        "  study.yaml, line 5: sets.Mine-IM.kind is 'picture': write one of image, prompt",
        "  study.yaml, line 7: seeds: there is no such key; did you mean seed?",
    ]
    for done in (given, read):
        assert done.returncode == 1
        assert done.stdout.splitlines()[0].startswith("Using profile ")


def test_profiles_have_the_same_rerun_triggers():
    profiles = [yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text()) for name in ("local", "slurm")]
    for profile in profiles:
        assert profile["rerun-triggers"] == ["mtime", "params", "input"]
        assert profile["rerun-incomplete"] is True
        assert profile["scheduler"] == "greedy"


@pytest.mark.parametrize("path", RULE_FILES, ids=[path.stem for path in RULE_FILES])
def test_every_rule_has_the_standard_form(path):
    """Script, log and benchmark are named after the rule; its params are a job of the script's type, except for commands.

    It has a message and, unless it is local, memory and time. Likewise for `use rule`.
    """
    for rule in list_rules(path):
        assert re.search(rf'"<logs>/{rule.name}[/.]', rule.body)
        # a benchmark is an output: rules that always run have neither
        assert ("output:" in rule.body) == (re.search(rf'"<benchmarks>/{rule.name}[/.]', rule.body) is not None)
        assert "message:" in rule.body, rule.name
        assert (rule.make is None) == rule.is_command, rule.name
        if not rule.is_command:
            assert f"@run_as_job({rule.kind})\ndef main(job: {rule.kind}, smk: Script) -> None:" in rule.script, rule.name
        if rule.name == rule.base:
            assert f'"../scripts/{rule.name}.py"' in rule.body
            assert rule.script.startswith('"""')
            assert "conda:" in rule.body, rule.name
            is_submitted = rule.name not in list_local_rules(path)
            assert not is_submitted or all(key in rule.body for key in ("mem_mb=", "runtime=")), rule.name


def test_only_commands_read_the_config_and_no_script_reads_wildcards():
    scripts = {path.stem: path.read_text() for path in SCRIPTS.glob("*.py")}
    commands = {rule.base for rule in list_rules(SCRIPTS.parent / "rules" / "planning.smk")}
    assert {name for name, text in scripts.items() if COMMAND in text} == commands
    for name, text in scripts.items():
        assert ".wildcards" not in text, name
        assert name in commands or ".config" not in text, name


def find_unusual(value):
    """Return the parts of a rule's params that are not plain values, and dicts whose keys are not sorted texts."""
    if type(value) is dict:
        own = [] if all(type(key) is str for key in value) and list(value) == sorted(value) else [value]
        return own + [found for one in value.values() for found in find_unusual(one)]
    if type(value) is list:
        return [found for one in value for found in find_unusual(one)]
    return [] if value is None or type(value) in (str, int, float, bool) else [value]


@pytest.mark.parametrize("name", ["config", "demo_answer", "demo_sd"])
def test_all_params_are_plain_values_in_order(monkeypatch, name):
    """Snakemake sees no change of others, nor the same keys in another order as the same."""
    monkeypatch.chdir(REPOSITORY)
    study = load_study(yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text()))
    jobs = list_jobs(study)
    assert len(jobs) > 100
    for job, params in jobs.items():
        assert type(params) is dict, job
        assert find_unusual(params) == [], job
    for rule in RULES.values():
        for wildcards in rule.list_wildcards(study):
            job = rule.make(study, **wildcards)
            assert type(job).from_params(job.to_params()).to_params() == job.to_params()


def test_snakemakes_params_are_the_listed_jobs(workplace, demo_config, monkeypatch):
    demo_config |= {"classes_per_shard": 5, "transfer": {"sets": {"digits": {"sklearn": "digits"}}}, "features": {}}
    demo_config |= {"review": {"set": "Disamb-IM"}, "ladder": {"set": "Disamb-IM", "strengths": [0.5]}}
    place = workplace(demo_config)
    monkeypatch.chdir(place.folder)
    planned = place.list_jobs("all", "review")
    assert len(planned) > 200
    study = load_study(demo_config)
    assert list_jobs(study)  # imports all rules
    listed = {
        (name, frozenset(wildcards.items())): rule.make(study, **wildcards).to_params()
        for name, rule in RULES.items()
        for wildcards in rule.list_wildcards(study)
    }
    for job in planned:
        rule = {"plot_geometry": "plot_figure"}.get(job.rule.name, job.rule.name)
        params = dict(job.params.items())
        assert "job" in params.keys() <= {"job", "caption", "stamps"}
        assert [find_unusual(one) for one in params.values()] == [[]] * len(params)
        assert params["job"] == listed[rule, frozenset(job.wildcards.items())]
        # what Snakemake compares with the last run
        assert repr(params["job"]) in map(repr, job.non_derived_params)


def test_the_grid_is_printed_without_the_user_provided_images(workplace, demo_config):
    demo_config["sets"]["Fashion-IM"]["images"] = {"train": "nowhere/train", "evaluation": "nowhere/val"}
    place = workplace(demo_config)
    assert "nowhere/train does not exist" in place.plan(check=False).stdout
    printed = place.run("grid").stdout
    for text in (
        "Fashion-IM, train: nowhere/train (NOT THERE)",
        "synset/g7.5: 10 classes not generated yet",
        "Disamb-IM",
        "GUESS",
        "are found with 80 % probability",
        "noise assumed: from the demo's classifier",
        "Snakemake cannot plan this study yet, so results of before an edit may count as done:",
        "nowhere/train does not exist",
    ):
        assert text in printed
    assert "Nothing to be done" not in place.run("grid").stdout


def test_transfer_and_features_are_planned_if_configured(workplace, demo_config):
    rules = {"extract_features", "embed_transfer", "classify_transfer", "tabulate_transfer"}
    rules |= {"measure_features", "tabulate_features"}
    figures = {"transfer", "features"}
    place = workplace(demo_config)
    output = place.plan().stdout
    assert not rules & count_jobs(output).keys()
    assert not figures & set(list_figures(output))
    assert not [message for message in list_messages(output) if message.startswith("Index the images of transfer/")]
    place.config |= {"transfer": {"sets": {"digits": {"sklearn": "digits"}}}, "features": {}}
    place.write_config()
    output = place.plan("transfer").stdout
    counts = count_jobs(output)
    assert list_messages(output).count("Index the images of transfer/digits") == counts["embed_transfer"] == 1
    assert counts["extract_features"] == 14  # seven training sets, with all seeds in one job, for digits and for Fashion-IM
    assert counts["classify_transfer"] == 8  # and the encoder
    assert counts["measure_features"] == 7
    assert "score_experiment" not in counts
    assert sorted(list_figures(output)) == ["features", "transfer"]
    output = place.plan().stdout
    assert rules <= count_jobs(output).keys()
    assert figures <= set(list_figures(output))
    assert "Index the images of transfer/digits" in list_messages(output)
    del place.config["transfer"]
    place.write_config()
    output = place.plan("transfer").stdout
    assert list_figures(output) == ["features"]
    assert "classify_transfer" not in count_jobs(output)
    assert "Index the images of transfer/" not in output


def test_a_missing_transfer_set_gives_a_one_sentence_error(workplace, demo_config):
    demo_config["transfer"] = {"sets": {"flowers": {"torchvision": "Flowers102", "root": "data"}}}
    place = workplace(demo_config)
    done = place.plan(check=False)
    assert done.returncode != 0
    assert "transfer.sets.flowers: data/flowers-102/jpg does not exist; Flowers102 is not downloaded" in done.stdout
    assert "Traceback" not in done.stdout
    assert "flowers: torchvision's Flowers102 in data (NOT THERE)" in place.run("grid").stdout


def test_natural_images_and_classifiers_alone_are_planned_without_generation(workplace, demo_config):
    choose_nothing(demo_config)
    natural = {"Fashion-IM": demo_config["sets"]["Fashion-IM"]}
    classifier = demo_config["classifiers"]["small"] | {"train": ["Fashion-IM"], "evaluate": ["Fashion-IM"]}
    config = {key: demo_config[key] for key in ("classes", "device", "encoders")} | {"study": "natural", "sets": natural}
    output = workplace(config | {"classifiers": {"small": classifier}}).plan().stdout
    assert {"train_classifier", "evaluate_classifier"} <= count_jobs(output).keys()
    assert {"classifiers", "training"} <= set(list_figures(output))
    assert not {"generate_images", "fingerprint_generator", "embed_prompts"} & count_jobs(output).keys()
    assert "guidance" not in list_figures(output)


def test_the_diagnosis_of_the_demo(workplace, demo_config):
    output = workplace(demo_config).plan().stdout
    counts = count_jobs(output)
    assert counts["gather_evidence"] == 6  # the generated sets
    assert counts["split_error"] == 8  # and the natural sets
    for rule in ("embed_class_texts", "tabulate_diagnosis", "plot_geometry", "write_summary"):
        assert counts[rule] == 1, rule
    for figure in ("causes", "evidence", "error_split", "geometry"):
        assert list_figures(output).count(figure) == 1, figure


def test_without_natural_images_no_class_has_a_cause(workplace, demo_config):
    for name in ("Fashion-IM", "FashionStudio-IM"):
        del demo_config["sets"][name]
    del demo_config["experiments"], demo_config["classifiers"], demo_config["contact_sheets"]
    output = workplace(demo_config).plan().stdout
    counts = count_jobs(output)
    assert counts["split_error"] == 6
    assert counts["tabulate_diagnosis"] == 1
    assert not {"gather_evidence", "embed_class_texts"} & counts.keys()
    assert not {"causes", "evidence"} & set(list_figures(output))


def test_the_summary_reads_every_table_that_it_summarises():
    """A table that is no input of the rule would be left out without a word."""
    report = REPOSITORY / "src/synthdiv/report"
    modules = [report / "findings.py", *(report / "page").glob("*.py")]
    patterns = r'"(\w+)" (?:not )?in tables|tables\["(\w+)"\]|tables\.get\("(\w+)"\)'
    asked = {names for module in modules for names in re.findall(patterns, module.read_text())}
    (rule,) = re.findall(
        r"rule write_summary:.*?\n    output:", (REPOSITORY / "workflow/rules/report.smk").read_text(), re.DOTALL
    )
    inputs = {name.split(".")[0] for name in re.findall(r'"([\w.]+)"', rule)}
    assert {name for names in asked for name in names if name} == inputs
