"""What an edit of the config plans again: the jobs whose params it changes, as edits.yaml lists them for every key."""

import re

import numpy as np
import pytest
import yaml
from edits import edit, find_changes
from small_study import KEYS, make_full_place
from workplace import REPOSITORY

from synthdiv.config.expected import list_choices, read_schema
from synthdiv.config.study_config import StudyConfig
from synthdiv.core.fingerprints import SPLITS
from synthdiv.jobs.rules import RULES, list_jobs
from synthdiv.plan.loading import load_study

CLASS_TABLE = """class_id,key,name,lemmas,definition,hypernym
0,tshirt,t-shirt,jersey,a shirt without a collar,garment
1,trouser,trousers,"trousers, pants",a garment for the legs,garment
2,sneaker,sneaker,pump,a sports shoe,shoe
3,bag,bag,"bag, handbag",a container,container
"""
GRAMMAR = "resources/prompts/promptaug.yaml"
SCHEMA = read_schema(StudyConfig)
EDITS = yaml.safe_load((REPOSITORY / "tests" / "workflow" / "edits.yaml").read_text())


def list_leaves(schema, prefix=""):
    """The keys of the config without keys of their own; <name> stands for a name of the user's choice.

    A key whose value may also be text, such as a path of images, counts as one without; only a recipe's keys count as well.
    """
    choices, inner = list_choices(schema, SCHEMA), {}
    for choice in choices:
        inner |= choice.get("properties", {})
        inner |= dict(zip(["<name>"], choice.get("patternProperties", {}).values(), strict=False))
    is_plain = any(choice.get("type") != "object" for choice in choices)
    leaves = [prefix.removesuffix(".")] if is_plain or not inner else []
    if not is_plain or prefix.endswith(".recipe."):
        leaves += [leaf for key, part in inner.items() for leaf in list_leaves(part, f"{prefix}{key}.")]
    return leaves


def write_files(folder):
    """Write the files that the config and its edits name."""
    prompts = [f"{key},{split},{n},photo {n} of a {key}" for key in KEYS for split in SPLITS for n in range(9)]
    (folder / "classes.csv").write_text(CLASS_TABLE)
    (folder / "table.csv").write_text("\n".join(["key,split,index,prompt", *prompts]) + "\n")
    (folder / "other_table.csv").write_text("\n".join(["key,split,index,prompt", *prompts]).replace("photo", "image") + "\n")
    (folder / "other.csv").write_text("key,prompt\nbag,sack\n")
    (folder / "moved_classes.csv").write_text(CLASS_TABLE)
    (folder / "other_classes.csv").write_text(CLASS_TABLE.replace("jersey", "shirt"))
    (folder / "other_grammar.yaml").write_text((folder / GRAMMAR).read_text().replace("photo", "image"))
    (folder / "other_subset.txt").write_text("trouser\n")
    (folder / "recipe.yaml").write_text("model: test_resnet\nepochs: 2\n")
    captions = [f"{key},{n},photo {n} of a {key}" for key in KEYS for n in range(9)]
    (folder / "captions.csv").write_text("\n".join(["key,index,caption", *captions]) + "\n")
    (folder / "other_captions.csv").write_text("\n".join(["key,index,caption", *captions]).replace("photo", "image") + "\n")
    (folder / "counts.csv").write_text("key,images\nbag,2\n")
    (folder / "weights.safetensors").write_bytes(b"")
    (folder / "predictions.csv").write_text("train_set,seed,image,class,predicted\n")
    (folder / "other_predictions.csv").write_text("train_set,seed,image,class,predicted\n")
    for name in ("mine", "other"):
        for split in SPLITS:
            np.save(folder / f"{name}_{split}.npy", np.eye(4, dtype=np.float32))
            (folder / f"{name}_{split}.csv").write_text("class_id\n0\n1\n2\n3\n")


def make_config(folder):
    """Make the config of a study that has every kind of rule, and its files."""
    config = make_full_place(folder).config
    write_files(folder)
    config["generators"]["second"] = config["generators"]["tiny"] | {"steps": 3}
    config["encoders"]["timm"] = {"library": "timm", "model": "test_resnet"}
    config["datasets"]["mine"] = {"builder": "table", "table": "table.csv", "guidance_scales": [7.5]}
    config["datasets"]["form"] = {"builder": "template", "template": "a photo of a {lemmas}", "guidance_scales": [7.5]}
    natural = {"train": "natural/train", "evaluation": "natural/val"}
    config["sets"] |= {
        "Mine-IM": {"kind": "image", "dataset": "mine", "guidance_scale": 7.5},
        "Form-IM": {"kind": "image", "dataset": "form", "guidance_scale": 7.5},
        "User-IM": {"kind": "image", "embeddings": {split: f"mine_{split}.npy" for split in SPLITS}},
        "Other-IM": {"kind": "image", "images": natural, "images_per_class": {"train": "counts.csv", "evaluation": 3}},
    }
    config["experiments"]["queries"].append("User-IM")
    for name, keys in (("Half", ["tshirt", "bag"]), ("Others", ["trouser", "sneaker"])):
        rest = [key for key in KEYS if key not in keys]
        parts = [{"set": "Form-IM", "classes": keys}, {"set": "Natural-IM", "classes": rest}]
        config["mixtures"][name] = {"parts": parts}
    tiny = config["classifiers"]["tiny"]
    tiny["train"] += ["Half", "Others", "Form-IM", "Synset-IM"]
    tiny["swap"] = ["Disamb2.5-IM"]
    config["mixtures"]["Natural6"] = {"parts": [{"set": "Natural-IM", "images_per_class": 6}]}
    tiny["train"].append("Natural6")
    config["ladder"] = {"set": "Disamb-IM", "captions": "captions.csv", "strengths": [0.5]}
    tiny["recipe"] = tiny["recipe"] | {"multi_crop": {}, "augmentation": {}}
    config["classifiers"]["filed"] = {"recipe": "recipe.yaml", "train": ["Natural-IM"], "evaluate": ["Natural-IM"]}
    own = {"images": natural | {"validation": "natural/val"}, "classes": "classes.csv"}
    trained = ["Natural-IM", "Disamb-IM", "Disamb2.5-IM"]
    config["predictions"] = {"elsewhere": {"file": "predictions.csv", "train": trained, "evaluate": ["Natural-IM"]}}
    config["transfer"] = {"sets": {"digits": {"sklearn": "digits"}, "own": own}}
    return config | {"features": {}, "published": "diversity_and_diffusion"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the config of a study that has every kind of rule, its folder, and its jobs."""
    folder = tmp_path_factory.mktemp("study")
    config = make_config(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield config, folder, list_jobs(load_study(config))


def test_the_study_has_a_job_of_every_rule(study):
    _, _, jobs = study
    assert {rule for rule, _ in jobs} == RULES.keys() - {"match_review"}  # for studies without a classifier


def test_every_key_of_the_config_is_edited():
    edited = {
        re.sub(
            r"\b(generators|datasets|encoders|sets|prompt_probes|mixtures|classifiers|predictions)/[^/]+",
            r"\1/<name>",
            re.sub(r"/arguments/.+", "/arguments", re.sub(r"/settings/.+", "/settings/<name>", path)),
        )
        for one in EDITS["config"]
        for path in one["edit"]
    }
    leaves = {leaf.replace(".", "/") for leaf in list_leaves(SCHEMA)}
    assert leaves == edited & leaves


@pytest.mark.parametrize("one", EDITS["config"], ids=lambda one: ", ".join(one["edit"]))
def test_an_edited_key_plans_these_jobs(study, one):
    config, _, jobs = study
    assert find_changes(jobs, list_jobs(load_study(edit(config, one["edit"])))) == one["changes"]


@pytest.mark.parametrize("one", EDITS["files"], ids=lambda one: f"{one['file']}: {one['new']}")
def test_an_edited_file_plans_these_jobs(study, one):
    config, folder, jobs = study
    path = folder / one["file"]
    before = path.read_text()
    assert before.count(one["old"]) == 1
    path.write_text(before.replace(one["old"], one["new"]))
    try:
        assert find_changes(jobs, list_jobs(load_study(config))) == one["changes"]
    finally:
        path.write_text(before)
