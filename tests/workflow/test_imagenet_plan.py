"""Plan the ImageNet study: all jobs, and the changes after one edited prompt."""

import re

import pytest
import yaml
from fake_imagenet import make_imagenet
from workplace import REPOSITORY, Workplace

from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.loading import load_study

JOBS = {
    "fingerprint_generator": 1,
    "index_images": 2,  # the second has the images that choose a training set
    "generate_images": 1000,  # 10 generation runs in 100 shards
    "embed_images": 1100,  # and ImageNet's
    "embed_prompts": 200,
    "score_experiment": 60,  # the matrix's 36 and those of the sweeps
    "try_recipe": 2,
    "train_classifier": 5,
    "evaluate_classifier": 6,
    "audit_tables": 1,
    "check_claims": 1,
}


@pytest.fixture
def place(tmp_path):
    """Make a fake ImageNet and a place with the study's config."""
    make_imagenet(tmp_path)
    place = Workplace.make(tmp_path, yaml.safe_load((REPOSITORY / "config" / "imagenet.yaml").read_text()))
    (tmp_path / "resources" / "recipes").symlink_to(REPOSITORY / "resources" / "recipes")
    (tmp_path / "resources" / "paper").symlink_to(REPOSITORY / "resources" / "paper")
    return place


def test_the_whole_study_is_planned(place):
    plan = place.plan("--quiet", "rules", profile="slurm").stdout
    counts = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", plan, flags=re.MULTILINE)}
    assert {name: counts[name] for name in JOBS} == JOBS


def test_further_trainings_complete_the_combinations_and_use_the_same_images(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    first, further = (
        load_study(yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text()))
        for name in ("imagenet", "imagenet_answer")
    )
    runs = {study: {run.collection: run for run in list_generation_runs(study)} for study in (first, further)}
    shared = runs[first].keys() & runs[further].keys()
    assert shared == {"synset/g7.5", "disamb/g7.5", "disamb/g2.5", "promptaug/g2.5"}
    for name in shared:
        one, other = (
            plan_generation(study, runs[study][name], next(iter(list_shards(study).values()))) for study in (first, further)
        )
        assert one == other
    pairs = {(one.base, one.changed): one.setting for one in list_interventions(further, "resnetrs152")}
    assert pairs["Synset-IM", "Synset2.5-IM"] == pairs["PromptAug7.5-IM", "PromptAug-IM"] == "guidance_scale"
    assert pairs["Synset2.5-IM", "Disamb2.5-IM"] == pairs["Disamb-IM", "PromptAug7.5-IM"] == "prompts"
    assert pairs["PromptAug-IM", "PromptAug-700"] == pairs["PromptAug-350", "PromptAug-700"] == "images"


def test_one_edited_prompt_replans_one_shard_of_each_generation_run_that_uses_it(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    overrides = place.folder / "resources" / "prompts" / "imagenet" / "disamb.csv"
    before = load_study(place.config)
    overrides.write_text(overrides.read_text().replace(",a kite bird,", ",a kite in the sky,"))
    after = load_study(place.config)
    changed = [
        (run.collection, shard)
        for run in list_generation_runs(before)
        for shard in list_shards(before)
        if plan_generation(before, run, list_shards(before)[shard]) != plan_generation(after, run, list_shards(after)[shard])
    ]
    scales = {"disamb": ["7.5", "2.5", "1"], "promptaug": ["2.5"], "sweep": ["1.5", "2", "3.5", "5", "10"]}
    assert changed == [(f"{name}/g{scale}", "c020-029") for name in scales for scale in scales[name]]
    kite = next(row for row in before.classes if row.key == "n01608432")
    assert kite.class_id in list_shards(before)["c020-029"].class_ids
    different = [
        row.name
        for row in before.classes
        if before.datasets["disamb"].describe_class(row.class_id) != after.datasets["disamb"].describe_class(row.class_id)
    ]
    assert different == ["kite"]
