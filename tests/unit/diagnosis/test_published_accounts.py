"""The account of "Diversity and Diffusion": its Tables 1 and 2 along the interventions of config/imagenet.yaml."""

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.claims.published import read_printed
from synthdiv.diagnosis.accounts import Graph, Value, plan_account
from synthdiv.jobs.diagnosis import Intervention, tabulate_accounts
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.loading import load_study


@pytest.fixture
def study(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load((REPOSITORY / "config" / "imagenet.yaml").read_text())
    for entry in config["sets"].values():  # ImageNet is not here
        if "images" in entry:
            entry["images"] = dict.fromkeys(entry["images"], "resources/demo/natural/fashion-train.parquet")
    return load_study(config)


def test_the_papers_shortfall_is_the_sum_of_its_interventions(study):
    """It prints no seeds, so there is no interval; natural images are about 1,281 of each class, generated ones 1,200."""
    printed = read_printed(REPOSITORY / "resources" / "paper" / "tables_1_2_classifier.csv", ("top1_pct",)).rows
    top1 = {f"{row['train_set']}-IM": 100 * row["top1"] for row in printed if row["evaluation_set"] == "ImageNet"}
    job = tabulate_accounts(study)
    graph = Graph(
        settings={
            one.name: {name: Value(*value) for name, value in one.settings.items()} for one in job.sets["resnetrs152"]
        },
        mixed=frozenset(),
        natural=frozenset(one.name for one in job.sets["resnetrs152"] if one.has_natural),
        edges=[one for one in job.interventions if one.classifier == "resnetrs152"],
        bundles={},
    )
    steps = plan_account(graph, "Synset-IM", "PromptAug-IM", "ImageNet-IM")
    gains = [
        (step.setting, step.before, step.after, sum(weight * top1[name] for name, weight in step.weights.items()))
        for step in steps
    ]
    assert [one[:3] for one in gains] == [
        ("", "", ""),
        ("images", "all", "1200"),
        ("prompts", "promptaug", "disamb"),
        ("guidance_scale", "2.5", "7.5"),
        ("prompts", "disamb", "synset"),
    ]
    assert [one[3] for one in gains] == pytest.approx([-57.8, -35.5, -1.9, -17.1, -3.3])


def test_the_full_study_has_the_papers_interventions(study):
    pairs = [(one.base, one.changed, one.setting) for one in list_interventions(study, "resnetrs152")]
    assert pairs == [
        ("Synset-IM", "Disamb-IM", "prompts"),
        ("Disamb-IM", "Disamb2.5-IM", "guidance_scale"),
        ("Disamb2.5-IM", "PromptAug-IM", "prompts"),
    ]
    assert {one.acts_on for one in tabulate_accounts(study).interventions if isinstance(one, Intervention)} == {
        "ambiguity",
        "diversity against adherence",
        "diversity",
    }
