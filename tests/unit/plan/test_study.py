"""Test a study's config: its errors, and everything that the rules derive from it."""

import csv
import os
import re

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.config.loading import read_config
from synthdiv.config.training import MixturePart
from synthdiv.core.errors import StudyError
from synthdiv.jobs.classifiers import train_classifier
from synthdiv.jobs.experiments import LARGE_TABLES, count_scoring_threads
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.checks import check_sources
from synthdiv.plan.classifiers import (
    list_evaluations,
    list_parts,
    list_training_runs,
    make_training_recipe,
)
from synthdiv.plan.experiments import (
    find_natural_reference,
    find_sweep_metrics,
    find_sweeps,
    list_comparisons,
    list_diagnosed,
    list_diagnosis_references,
    list_encoder_experiments,
    list_experiments,
    list_queries,
    list_references,
)
from synthdiv.plan.generation import find_owner, list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun
from synthdiv.plan.sets import (
    choose_features,
    find_class_ids,
    find_natural_files,
    is_evaluation_only,
    list_encoded_sets,
    list_encoders,
    list_grammar_sets,
    list_image_sets,
    list_sheet_sets,
    list_splits,
    read_natural_counts,
)
from synthdiv.plan.transfer import find_feature_set, find_transfer_files, list_transfer_sets, read_transfer_classes
from synthdiv.plan.user_sources import TIMM_SUBSETS, find_timm_subset, read_class_subset
from synthdiv.prompts.class_tables import name_classes


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def test_the_demos_36_experiments_are_numbered_as_in_table_6(demo):
    ours = [(e.number, e.reference, e.query) for e in list_experiments(load_study(demo))]
    with open(REPOSITORY / "resources" / "paper" / "table6_experiments.csv") as file:
        printed = [(int(row["experiment"]), row["reference"], row["query"]) for row in csv.DictReader(file)]
    rename = {"ImageNet-IM": "Fashion-IM"}
    assert ours == [(number, rename.get(r, r), rename.get(q, q)) for number, r, q in printed]
    assert len(ours) == 36


def test_experiments_default_to_every_set_in_order(demo):
    del demo["experiments"]
    study = load_study(demo)
    assert list_references(study) == list_queries(study) == list(demo["sets"])


def test_sweep_metrics_have_their_references_and_queries(demo):
    study = load_study(demo)
    assert find_sweeps(study) == {
        "disamb": {1.0: "Disamb1.0-IM", 2.5: "Disamb2.5-IM", 5.0: "Disamb5.0-IM", 7.5: "Disamb-IM"}
    }
    assert list(find_sweeps(study)["disamb"]) == [1.0, 2.5, 5.0, 7.5]
    at_five = {one.metric: one for one in find_sweep_metrics(study) if one.guidance_scale == 5.0}
    assert {one.set for one in at_five.values()} == {"Disamb5.0-IM"}
    assert {name: (one.reference, one.query) for name, one in at_five.items()} == {
        "centroid_distance": (None, None),
        "prompt_accuracy": ("Disamb2.5-PRMT", "Disamb5.0-IM"),
        "own_centroid_accuracy": ("Disamb5.0-IM", "Disamb5.0-IM"),
        "natural_query_accuracy": ("Disamb5.0-IM", "Fashion-IM"),
        "natural_reference_accuracy": ("Fashion-IM", "Disamb5.0-IM"),
        "trained_accuracy": ("Disamb5.0-IM", "Fashion-IM"),
    }
    assert at_five["trained_accuracy"].classifier == "small"
    assert [one.set for one in find_sweep_metrics(study) if one.guidance_scale is None] == ["Fashion-IM"] * 6


def test_a_sweeps_prompt_accuracy_uses_its_datasets_prompts_or_else_the_first(demo):
    demo["datasets"]["synset"]["guidance_scales"] = [2.5, 7.5]
    demo["sets"]["Synset2.5-IM"] = {"kind": "image", "dataset": "synset", "guidance_scale": 2.5}
    demo["datasets"]["promptaug"]["guidance_scales"] = [2.5, 7.5]
    demo["sets"]["PromptAug7.5-IM"] = {"kind": "image", "dataset": "promptaug", "guidance_scale": 7.5}
    demo["sets"]["Again-IM"] = {"kind": "image", "dataset": "promptaug", "guidance_scale": 7.5}
    study = load_study(demo)
    found = {one.dataset: one.reference for one in find_sweep_metrics(study) if one.metric == "prompt_accuracy"}
    assert found == {"synset": "Disamb2.5-PRMT", "disamb": "Disamb2.5-PRMT", "promptaug": "PromptAug-PRMT"}
    assert find_sweeps(study)["promptaug"] == {2.5: "PromptAug-IM", 7.5: "PromptAug7.5-IM"}
    for name in ("Synset2.5-IM", "PromptAug7.5-IM"):
        del demo["sets"][name]
    assert list(find_sweeps(load_study(demo))) == ["disamb", "promptaug"]
    del demo["sets"]["Again-IM"]
    assert list(find_sweeps(load_study(demo))) == ["disamb"]


def test_a_classifier_trained_at_one_scale_of_a_sweep_has_no_curve(demo):
    one = demo["classifiers"]["small"] | {"train": ["Fashion-IM", "Disamb-IM"]}
    demo["classifiers"] = {"small": demo["classifiers"]["small"], "one": one}
    trained = [metric for metric in find_sweep_metrics(load_study(demo)) if metric.metric == "trained_accuracy"]
    assert {metric.classifier for metric in trained} == {"small"}
    assert len(trained) == 5  # four scales, and natural images


def test_a_grammars_image_sets_need_an_encoder_that_embeds_prompts(demo):
    assert list_grammar_sets(load_study(demo)) == ["PromptAug-IM"]
    demo["datasets"]["promptaug"]["guidance_scales"] = [2.5, 7.5]
    demo["sets"]["PromptAug7.5-IM"] = {"kind": "image", "dataset": "promptaug", "guidance_scale": 7.5}
    assert list_grammar_sets(load_study(demo)) == ["PromptAug-IM", "PromptAug7.5-IM"]
    demo["sets"] = {name: entry for name, entry in demo["sets"].items() if entry["kind"] == "image"}
    demo["encoders"] = {"resnet": {"library": "timm", "model": "resnet18"}, **demo["encoders"]}
    del demo["experiments"]
    assert list_grammar_sets(load_study(demo)) == []


def test_shards_cover_every_class_once(demo):
    demo["classes_per_shard"] = 3
    shards = list_shards(load_study(demo))
    assert [class_id for shard in shards.values() for class_id in shard.class_ids] == list(range(10))
    assert list(shards) == ["c0-2", "c3-5", "c6-8", "c9-9"]


@pytest.mark.parametrize(
    ("timing", "classes"),
    [
        ({"seconds_per_image": 1.2}, 5),  # 1000 images in 20 minutes, and a class has 200
        ({"seconds_per_image": 1.2, "minutes": 13}, 3),
        ({"seconds_per_image": 100}, 1),
        ({"seconds_per_image": 0.001}, 10),
    ],
)
def test_shards_fit_the_given_minutes(demo, timing, classes):
    demo["shard_by_time"] = timing
    assert len(next(iter(list_shards(load_study(demo)).values())).class_ids) == classes


def test_a_class_with_the_same_images_belongs_to_the_first_dataset(demo):
    study = load_study(demo)
    synset, disamb = GenerationRun("synset", 7.5), GenerationRun("disamb", 7.5)
    changed = {row.class_id for row in study.classes if row.key in {"tshirt", "shirt", "sneaker", "bag"}}
    for row in study.classes:
        assert find_owner(study, synset, row.class_id) == synset
        assert find_owner(study, disamb, row.class_id) == (disamb if row.class_id in changed else synset)
        assert find_owner(study, GenerationRun("disamb", 2.5), row.class_id) == GenerationRun("disamb", 2.5)


def test_a_dataset_with_its_own_generator_shares_no_images(demo):
    demo["generators"]["other"] = dict(demo["generators"]["tiny-sd"], steps=3)
    demo["datasets"]["disamb"]["generator"] = "other"
    study = load_study(demo)
    assert find_owner(study, GenerationRun("disamb", 7.5), 1) == GenerationRun("disamb", 7.5)


def test_an_edited_override_changes_only_the_recipe_of_its_shard(demo, tmp_path):
    demo["classes_per_shard"] = 5
    path = tmp_path / "disamb.csv"
    text = (REPOSITORY / "resources" / "prompts" / "fashion" / "disamb.csv").read_text()
    path.write_text(text)
    demo["datasets"]["disamb"]["overrides"] = str(path)
    before = load_study(demo)
    path.write_text(text.replace("tshirt,t-shirt,", "tshirt,tee shirt,"))
    after = load_study(demo)
    run = GenerationRun("disamb", 2.5)
    changed = [
        n
        for n in list_shards(before)
        if plan_generation(before, run, list_shards(before)[n]) != plan_generation(after, run, list_shards(after)[n])
    ]
    assert changed == ["c0-4"]


def set_at(config, path, value):
    *parents, last = path.split(".")
    for key in parents:
        config = config[key] if key in config else config.setdefault(key, {})
    if value is None:
        del config[last]
    else:
        config[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("imges_per_class", {"train": 3}, "config: imges_per_class: there is no such key; did you mean images_per_class?"),
        ("generators.tiny-sd.step", 3, "config: generators.tiny-sd.step: there is no such key; did you mean steps?"),
        ("datasets.natural", {"builder": "lemmas"}, "config: datasets.natural: this name is reserved for another folder"),
        ("study", "my study", "config: study is 'my study': write a name of letters"),
        ("study", None, "config: the key study is missing (The study's name; all its results are in results/<study>/)"),
        (
            "sets.Mine-IM",
            {"kind": "image"},
            "config: sets.Mine-IM: it needs one source, images, dataset or embeddings; it has none of them",
        ),
        (
            "sets.Mine-IM",
            {"kind": "images", "dataset": "disamb"},
            "config: sets.Mine-IM.kind is 'images': write one of image, prompt",
        ),
        (
            "sets.Mine-IM",
            {"kind": "image", "dataset": "disam", "guidance_scale": 2.5},
            "config: sets.Mine-IM.dataset: there is no dataset 'disam'; did you mean 'disamb'?",
        ),
        (
            "sets.Mine-IM",
            {"kind": "image", "dataset": "disamb", "guidance_scale": 3.5},
            "config: sets.Mine-IM.guidance_scale is 3.5: dataset 'disamb' is generated at 1, 2.5, 5, 7.5; write one ",
        ),
        (
            "sets.Mine-IM",
            {"kind": "image", "dataset": "disamb"},
            "sets.Mine-IM: the key guidance_scale is missing; dataset 'disamb' is generated at 1, 2.5, 5, 7.5",
        ),
        (
            "sets.Mine-IM",
            {"kind": "prompt", "dataset": "disamb", "guidance_scale": 2.5},
            "config: sets.Mine-IM.guidance_scale: a set of kind prompt takes none: remove it",
        ),
        (
            "sets.Mine-IM",
            {"kind": "image", "embeddings": "x.parquet", "guidance_scale": 2.5},
            "config: sets.Mine-IM.guidance_scale: it only applies to sets with a dataset: remove it",
        ),
        (
            "sets.Mine-IM",
            {"kind": "prompt", "images": {"evaluation": "x"}},
            "config: sets.Mine-IM.kind is 'prompt': the set has images: write image",
        ),
        ("sets.Mine-IM", {"kind": "image", "embeddings": "nowhere.parquet"}, "nowhere.parquet does not exist"),
        (
            "sets.Mine-IM",
            {"kind": "image", "images": {"train": "nowhere", "evaluation": "nowhere"}},
            "nowhere does not exist",
        ),
        (
            "sets.Mine-IM",
            {"kind": "image", "images": {"train": "README.md", "evaluation": "x"}},
            "README.md is not a folder, .tar",
        ),
        (
            "experiments.queries",
            ["Fashion-IM", "Disam-IM"],
            "config: experiments.queries[1]: there is no set 'Disam-IM'; did you mean 'Disamb-IM'?",
        ),
        ("contact_sheets.sets", ["Nobody"], "config: contact_sheets.sets[0]: there is no set 'Nobody'"),
        ("datasets.promptaug.base", "promptaug", "datasets.promptaug.base: the dataset is based on itself"),
        ("datasets.disamb.base", "nothing", "config: datasets.disamb.base: there is no dataset 'nothing'; there are"),
        ("datasets.synset.generator", "sdxl", "there is no generator 'sdxl'"),
        ("images_per_class.train", 9000, "needs 9100 different prompts per class"),
        ("generators.tiny-sd.model", "resources/none/sd", "resources/none/sd does not exist"),
        ("generators", None, "datasets.synset: it must be generated, but the config has no generators"),
        ("encoders", None, "sets.Fashion-IM: it must be embedded, but the config has no encoders"),
        ("encoders.tiny-clip.model", "ViT-L-14-quickgelu", "name the weights of ViT-L-14-quickgelu in `pretrained`"),
        ("classes", "nowhere.csv", "the class table nowhere.csv does not exist"),
    ],
)
def test_an_invalid_config_is_rejected_with_one_sentence(demo, path, value, message):
    set_at(demo, path, value)
    with pytest.raises(StudyError) as caught:
        check_sources(load_study(demo))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "generators.tiny-sd.lora",
        "generators.tiny-sd.safety_checker",
        "encoders.tiny-clip.model",
        "classifiers.#.recipe.model",
    ],
)
def test_files_of_models_whose_names_snakemake_would_expand_are_rejected(demo, path, tmp_path):
    (tmp_path / "m{x}").mkdir()
    (tmp_path / "m{x}" / "model.safetensors").touch()
    path = path.replace("#", next(iter(demo["classifiers"])))
    set_at(demo, path, str(tmp_path / "m{x}"))
    with pytest.raises(StudyError, match=rf"{path}: \S+ contains '{{', which Snakemake reads as part of a placeholder"):
        check_sources(load_study(demo))


def test_missing_and_empty_folders_of_natural_images_are_rejected(demo, tmp_path):
    for row in load_study(demo).classes[:-1]:
        (tmp_path / row.key).mkdir()
        (tmp_path / row.key / "a.png").write_bytes(b"x")
    demo["sets"]["Mine-IM"] = {"kind": "image", "images": {"train": str(tmp_path), "evaluation": str(tmp_path)}}
    study = load_study(demo)
    with pytest.raises(StudyError, match=rf"sets.Mine-IM.images.train: there is no folder {tmp_path}{os.sep}boot for"):
        check_sources(study)
    (tmp_path / "boot").mkdir()
    with pytest.raises(StudyError, match=rf"the folder {tmp_path}{os.sep}boot contains no image"):
        check_sources(study)
    (tmp_path / "boot" / "inner").mkdir()
    check_sources(study)


def test_a_natural_split_uses_all_images_a_number_or_a_table_of_counts(demo, tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text("key,images\nboot,7\nbag,3\n")
    demo["sets"]["Fashion-IM"]["images_per_class"] = {"train": str(table), "evaluation": "all"}
    study = load_study(demo)
    assert read_natural_counts(study, "Fashion-IM") == {"train": {"bag": 3, "boot": 7}}
    assert read_natural_counts(study, "FashionStudio-IM") == {"evaluation": 100, "train": 100}
    for text, message in {
        "key,images\nhat,7\n": "line 2: there is no class with the key 'hat'",
        "key,images\nbag,0\n": "line 2: images is '0'; it must be an integer from 1",
        "key,images\nbag,few\n": "line 2: images is 'few'",
        "key,n\nbag,1\n": "has no column images",
    }.items():
        table.write_text(text)
        with pytest.raises(StudyError, match=message):
            load_study(demo)
    demo["sets"]["Fashion-IM"]["images_per_class"]["train"] = "some.csv"
    with pytest.raises(StudyError, match=r"images_per_class.train: the table of counts some.csv does not exist"):
        load_study(demo)


def test_a_single_folder_of_images_needs_labels(demo, tmp_path):
    demo["sets"]["Flat-IM"] = {
        "kind": "image",
        "images": {"evaluation": {"path": str(tmp_path), "labels": str(tmp_path / "val.txt")}},
    }
    with pytest.raises(StudyError, match=r"images.evaluation: the file of labels .*val.txt does not exist"):
        check_sources(load_study(demo))
    (tmp_path / "val.txt").touch()
    assert find_natural_files(load_study(demo), "Flat-IM", "evaluation").form == "flat"


def test_a_dataset_may_have_fewer_images_and_the_larger_one_owns_shared_images(demo):
    demo["datasets"]["synset"]["images_per_class"] = {"train": 50}
    study = load_study(demo)
    assert study.datasets["synset"].images_per_class == {"train": 50, "evaluation": 100}
    assert study.datasets["disamb"].images_per_class == {"train": 100, "evaluation": 100}
    trousers = 1  # its prompt is the same in both
    assert find_owner(study, GenerationRun("synset", 7.5), trousers) == GenerationRun("disamb", 7.5)
    assert find_owner(study, GenerationRun("disamb", 7.5), trousers) == GenerationRun("disamb", 7.5)


def test_other_encoders_are_used_for_the_sets_that_they_can_embed(demo):
    demo["encoders"]["dino"] = {"library": "timm", "model": "vit_small_patch14_dinov2"}
    demo["sets"]["Mine-IM"] = {"kind": "image", "embeddings": "mine.parquet"}
    demo["experiments"]["queries"] = [*demo["experiments"]["queries"], "Mine-IM"]
    with pytest.raises(StudyError, match=r"sets\.Mine-IM\.embeddings: mine\.parquet does not exist"):
        check_sources(load_study(demo))
    demo["sets"]["Mine-IM"]["embeddings"] = "README.md"
    study = load_study(demo)
    assert list_encoders(study) == ["tiny-clip", "dino"]
    assert list_encoded_sets(study, "tiny-clip") == list(demo["sets"])
    assert list_encoded_sets(study, "dino") == [name for name in demo["sets"] if name.endswith("-IM") and name != "Mine-IM"]
    assert len(list_encoder_experiments(study, "tiny-clip")) == 42
    assert [e.number for e in list_encoder_experiments(study, "dino")] == [
        1,
        2,
        3,
        4,
        7,
        8,
        9,
        10,
        13,
        14,
        15,
        16,
        19,
        20,
        21,
        22,
    ]
    assert (choose_features(study, "tiny-clip"), choose_features(study, "dino")) == ("unit", "raw")
    assert list_comparisons(study, "dino")[0] == ("Fashion-IM", "FashionStudio-IM")


def test_the_first_encoder_must_embed_prompts_if_there_are_prompt_sets(demo):
    demo["encoders"] = {"dino": {"library": "timm", "model": "vit_small_patch14_dinov2"}} | demo["encoders"]
    with pytest.raises(
        StudyError, match=r"embeds only images, but set 'Disamb2.5-PRMT' is of kind prompt: put an open_clip"
    ):
        load_study(demo)


def test_without_encoders_user_provided_embeddings_replace_one():
    study = load_study(
        {
            "study": "mine",
            "classes": str(REPOSITORY / "resources/prompts/fashion/classes.csv"),
            "sets": {"Mine-IM": {"kind": "image", "embeddings": str(REPOSITORY / "README.md")}},
        }
    )
    assert list_encoders(study) == ["user"]
    assert list_encoded_sets(study, "user") == ["Mine-IM"]
    assert list_comparisons(study, "user") == []


def test_the_natural_reference_may_be_user_provided(demo):
    """It is the first set of natural images, or else the first user-provided image set among the references."""
    kinds = {"Mine-PRMT": "prompt", "Mine-IM": "image", "Other-IM": "image"}
    sets = {name: {"kind": kind, "embeddings": "README.md"} for name, kind in kinds.items()}
    config = {"study": "mine", "classes": demo["classes"], "sets": sets}
    for references, expected in {
        ("Mine-PRMT", "Other-IM", "Mine-IM"): "Other-IM",
        ("Mine-PRMT",): None,
        None: "Mine-IM",
    }.items():
        given = {} if references is None else {"set_metrics": {"references": list(references)}}
        study = load_study(config | given)
        assert find_natural_reference(study) == expected
        assert list_diagnosis_references(study) == ["Mine-PRMT"] + [expected] * (expected is not None)
        assert list_diagnosed(study) == [name for name in ("Mine-IM", "Other-IM") if expected not in (name, None)]
    demo["sets"] |= sets
    assert find_natural_reference(load_study(demo | {"set_metrics": {"references": ["Mine-IM"]}})) == "Fashion-IM"


def test_defaults_are_filled_in_at_every_level():
    config = read_config(
        {
            "study": "s",
            "classes": "c",
            "sets": {"AA": {"kind": "image", "embeddings": "a"}},
            "datasets": {"dd": {"builder": "lemmas"}},
        }
    ).to_dict()
    assert config["images_per_class"] == {"train": 1200, "evaluation": 50}
    assert config["image_format"] == {"format": "png", "quality": 95}
    assert config["datasets"]["dd"]["guidance_scales"] == []
    assert config["archive"] == "archive"


@pytest.fixture
def with_folders(demo, tmp_path):
    """The demo with a set without a training split: folders of three classes."""
    for key in ("tshirt", "bag", "boot"):
        (tmp_path / "few" / key).mkdir(parents=True)
        (tmp_path / "few" / key / "one.png").write_bytes(b"")
    (tmp_path / "subset.txt").write_text("boot\ntshirt\nbag\n")
    demo["sets"]["Few-IM"] = {
        "kind": "image",
        "images": {"evaluation": str(tmp_path / "few")},
        "class_subset": str(tmp_path / "subset.txt"),
    }
    demo["classifiers"]["small"]["evaluate"].append("Few-IM")
    return demo


def test_a_set_without_a_training_split_is_only_for_evaluation(with_folders):
    study = load_study(with_folders)
    assert is_evaluation_only(study, "Few-IM")
    assert list_splits(study, "Few-IM") == ["evaluation"]
    assert find_class_ids(study, "Few-IM") == [0, 8, 9]
    assert find_class_ids(study, "Fashion-IM") is None
    assert [path.rsplit("/", 1)[1] for path in find_natural_files(study, "Few-IM", "evaluation").paths] == [
        "tshirt",
        "bag",
        "boot",
    ]
    assert "Few-IM" not in list_encoded_sets(study, "tiny-clip") + list_image_sets(study) + list_sheet_sets(study)
    del with_folders["experiments"]
    assert "Few-IM" not in list_references(load_study(with_folders))
    with_folders["experiments"] = {"references": ["Few-IM"]}
    with pytest.raises(StudyError, match=r"experiments.references\[0\]: 'Few-IM' has no training split"):
        load_study(with_folders)


def test_a_class_subset_is_checked(with_folders, tmp_path):
    (tmp_path / "subset.txt").write_text("boot\nshoe\n")
    with pytest.raises(
        StudyError, match=r"class_subset: .*subset.txt names the class 'shoe', which .*classes.csv does not have"
    ):
        load_study(with_folders)
    (tmp_path / "subset.txt").write_text("boot\nshirt\nboot\n", encoding="utf-8-sig")
    assert find_class_ids(load_study(with_folders), "Few-IM") == [6, 9]
    (tmp_path / "subset.txt").unlink()
    with pytest.raises(StudyError, match=r"sets.Few-IM.class_subset: the list of classes .*subset.txt does not exist"):
        load_study(with_folders)
    with_folders["sets"]["Few-IM"]["class_subset"] = "imagenet-a"
    with pytest.raises(StudyError, match=r"imagenet-a names the class 'n01498041', which .* does not have"):
        load_study(with_folders)
    with_folders["sets"]["Few-IM"] = {"kind": "image", "dataset": "disamb", "guidance_scale": 7.5, "real_labels": True}
    with pytest.raises(StudyError, match=r"real_labels: it only applies to sets with images of their own: remove it"):
        load_study(with_folders)


def test_a_class_subset_has_one_key_per_line(tmp_path):
    classes = name_classes(["fox", "fox squirrel", "squirrel", "cat"])
    (tmp_path / "subset.txt").write_text(" fox squirrel \r\n\n cat\n")
    assert read_class_subset(str(tmp_path / "subset.txt"), classes, "classes.csv") == [1, 3]
    (tmp_path / "subset.txt").write_text("fox cat\n")
    with pytest.raises(StudyError, match=r"subset.txt names the class 'fox cat', which classes.csv does not have"):
        read_class_subset(str(tmp_path / "subset.txt"), classes, "classes.csv")


def test_a_mixtures_classes_are_checked(demo):
    demo["mixtures"] = {"Some": {"parts": [{"set": "Disamb-IM", "classes": ["dress", "boots"]}]}}
    sentence = "config: mixtures.Some.parts[0].classes[1]: there is no class with the key 'boots'; did you mean 'boot'"
    with pytest.raises(StudyError, match=re.escape(sentence)):
        load_study(demo)


def test_timms_subsets_have_two_hundred_classes_each():
    for name in TIMM_SUBSETS:
        assert len(find_timm_subset(name).read_text().split()) == 200


def test_a_recipe_may_be_a_file_and_has_defaults(demo, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("{model: resnet18, steps: 10, batch_size: 64}")
    demo["classifiers"]["small"]["recipe"] = str(path)
    study = load_study(demo)
    assert study.recipes["small"].label_smoothing == 0.0
    assert make_training_recipe(study, "small") == study.recipes["small"].to_dict()  # whose monitored set is evaluated
    del demo["classifiers"]["small"]["monitor"]
    study = load_study(demo)
    assert make_training_recipe(study, "small") == {
        key: value for key, value in study.recipes["small"].to_dict().items() if key not in ("crop_pct", "evaluation_size")
    }
    recipe = train_classifier(study, "small", "Fashion-IM", "1").to_params()["recipe"]
    assert list(recipe.items()) == sorted(make_training_recipe(study, "small").items())
    path.write_text("{model: resnet18, stepps: 10}")
    with pytest.raises(StudyError, match=r"recipe.yaml, line 1: stepps: there is no such key; did you mean steps\?"):
        load_study(demo)
    path.write_text("{steps: 10}")
    with pytest.raises(StudyError, match=r"recipe.yaml: the key model is missing \(A timm model name, "):
        load_study(demo)


def test_training_runs_and_evaluations_follow_the_config(demo):
    demo["mixtures"] = {"Both": {"parts": [{"set": "Fashion-IM", "images_per_class": 5}, {"set": "Disamb-IM", "weight": 2}]}}
    del demo["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    demo["classifiers"] = {
        "one": demo["classifiers"]["small"] | {"train": ["Both", "Disamb-IM"], "seeds": [4, 2]},
        "ready": {
            "recipe": {"model": "resnetrs152", "pretrained": True},
            "trained_on": "ImageNet-IM",
            "evaluate": ["Disamb-IM"],
        },
    }
    study = load_study(demo)
    assert [run.folder for run in list_training_runs(study)] == [
        "one/Both/seed4",
        "one/Both/seed2",
        "one/Disamb-IM/seed4",
        "one/Disamb-IM/seed2",
    ]
    assert list_evaluations(study) == [("one", "Both"), ("one", "Disamb-IM"), ("ready", "ImageNet-IM")]
    assert list_parts(study, "Both") == [
        MixturePart(set="Fashion-IM", images_per_class=5),
        MixturePart(set="Disamb-IM", weight=2),
    ]
    assert list_parts(study, "Disamb-IM") == [MixturePart(set="Disamb-IM")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixtures": {"Disamb-IM": {"parts": [{"set": "Fashion-IM"}]}}}, "mixtures.Disamb-IM: a set already has this name"),
        (
            {"mixtures": {"Both": {"parts": [{"set": "Disamb2.5-PRMT"}]}}},
            "classifiers need images, and set 'Disamb2.5-PRMT' has none",
        ),
        ({"train": ["Disamb2.5-PRMT"]}, "classifiers need images, and set 'Disamb2.5-PRMT' has none, but prompts"),
        ({"evaluate": ["PromptAug-PRMT"]}, "are evaluated on images, and set 'PromptAug-PRMT' has none"),
        (
            {"trained_on": "ImageNet-IM"},
            "config: classifiers.small.trained_on: it is for pretrained weights, but `train` has sets to train on: ",
        ),
        (
            {"train": []},
            "config: classifiers.small: it has nothing to train on: list sets in `train`, or give `pretrained` in ",
        ),
        ({"evaluate": ["Nobody"]}, r"config: classifiers.small.evaluate\[0\]: there is no set 'Nobody'"),
        ({"train": ["Nobody"]}, r"config: classifiers.small.train\[0\]: there is no set or mixture 'Nobody'"),
        (
            {"init_from": {"classifier": "small", "train": "Disamb"}},
            "small.init_from.train: there is no training set of that classifier 'Disamb'; did you mean 'Disamb-IM'?",
        ),
        ({"init_from": {"classifier": "small", "train": "Disamb-IM"}}, "small.init_from: small -> small is circular"),
        ({"processes": 3}, "small.recipe.batch_size is 32: write a multiple of 3, the number of processes$"),
        (
            {"recipe": {"model": "resnet18", "steps": 1, "batch_size": 32, "device_batch_size": 7}},
            r"small.recipe.batch_size is 32: write a multiple of 7, the number of processes x device_batch_size",
        ),
        ({"init_from": {"classifier": "smal", "train": "Disamb-IM"}}, "no classifier 'smal'; did you mean 'small'"),
        ({"train": [], "recipe": {"model": "resnet18", "pretrained": "no.pth"}}, "the weights file no.pth does not exist"),
        ({"seeds": [1], "sample_per_seed": True}, "small.sample_per_seed: it would have no effect with one seed"),
        (
            {"seeds": [1, 2], "train": ["Disamb-IM"], "sample_per_seed": True},
            r"small.train\[0\] is 'Disamb-IM': with sample_per_seed, it must be a mixture whose parts have images_per_class",
        ),
        (
            {
                "mixtures": {"Half": {"parts": [{"set": "Disamb-IM", "images_per_class": 200}]}},
                **{"seeds": [1, 2], "train": ["Half"], "sample_per_seed": True},
            },
            r"is 'Half': 2 seeds with 200 images per class each need 400 of Disamb-IM, which has \d+$",
        ),
    ],
)
def test_invalid_classifiers_are_rejected(demo, changes, message):
    mixtures = changes.pop("mixtures", {})
    demo["mixtures"] = mixtures
    demo["classifiers"]["small"] |= changes
    with pytest.raises(StudyError, match=message):
        load_study(demo)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"augmentation": {"re_prob": 0.2, "auto_augment": "rand-m9"}},
            "small.recipe.augmentation.auto_augment: multi_crop replaces timm's augmentation: remove one",
        ),
        (
            {"multi_crop": {"local": {"scale": [0.3, 0.1]}}},
            r"small.recipe.multi_crop.local.scale is \[0.3, 0.1\]: give the smaller number first",
        ),
        ({"multi_crop": {"blur_sigma": [2, 1]}}, r"multi_crop.blur_sigma is \[2, 1\]: give the smaller number first"),
        (
            {"multi_crop": {"global": {"scale": [0.5, 1.5]}}},
            r"small.recipe.multi_crop.global.scale\[1\] is 1.5: write a number above 0 and up to 1",
        ),
        (
            {"multi_crop": {"color_jitter": [0.4, 0.4, 0.4, 0.6]}},
            r"small.recipe.multi_crop.color_jitter\[3\] is 0.6: write a number from 0 to 0.5",
        ),
        (
            {"multi_crop": {"color_jitter": [0.4] * 3}},
            r"small.recipe.multi_crop.color_jitter is \[0.4, 0.4, 0.4\]: write a list of 4 numbers from 0",
        ),
        ({"multi_crop": {"local": {"numbr": 4}}}, "multi_crop.local.numbr: there is no such key; did you mean number?"),
        ({"multi_crop": {"interpolation": "random"}}, "multi_crop.interpolation is 'random': write one of bilinear"),
    ],
)
def test_invalid_multi_crops_are_rejected(demo, changes, message):
    recipe = {"model": "resnet18", "epochs": 1, "multi_crop": {}}
    demo["classifiers"]["small"]["recipe"] = recipe | {"augmentation": {"re_prob": 0.2}, "mixup": {"mixup_alpha": 0.1}}
    load_study(demo)
    demo["classifiers"]["small"]["recipe"] = recipe | changes
    with pytest.raises(StudyError, match=message):
        load_study(demo)


def test_initial_weights_must_have_the_same_seeds(demo):
    small = demo["classifiers"]["small"]
    demo["classifiers"]["next"] = small | {"init_from": {"classifier": "small", "train": "Disamb-IM"}, "seeds": [1, 7]}
    with pytest.raises(StudyError, match=r"next.init_from: small is not trained with seed 7"):
        load_study(demo)


def with_transfer(demo, sets, **others):
    return demo | {"transfer": {"sets": sets}} | others


def test_transfer_and_features_are_measured_only_if_the_config_names_them(demo):
    assert (list_transfer_sets(load_study(demo)), find_feature_set(load_study(demo))) == ({}, None)
    study = load_study(with_transfer(demo, {"digits": {"sklearn": "digits"}}, features={}))
    assert list(list_transfer_sets(study)) == ["digits"]
    assert find_feature_set(study) == "Fashion-IM"
    assert study.config.transfer.trials == 30
    assert study.config.features.to_dict() == {"images_per_class": None, "threshold": 1e-5, "eps": 0.5**0.5}
    assert find_feature_set(load_study(demo | {"features": {"set": "FashionStudio-IM"}})) == "FashionStudio-IM"
    check_sources(study)


ONE_SOURCE = "a transfer set needs one source, torchvision with its root, images, or sklearn"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({}, f"config: transfer.sets.x: {ONE_SOURCE}; this one has none of them"),
        ({"torchvision": "DTD"}, "config: transfer.sets.x: torchvision and root belong together: give both or neither"),
        ({"sklearn": "digits", "images": {"train": "x"}}, f"transfer.sets.x: {ONE_SOURCE}; this one has images and sklearn"),
        ({"sklearn": "digits", "root": "data"}, "config: transfer.sets.x: torchvision and root belong together: give both"),
        ({"sklearn": "digits", "classes": "c.csv"}, "transfer.sets.x.classes: it only applies to images of your own"),
        ({"sklearn": "iris"}, "config: transfer.sets.x.sklearn is 'iris': write digits"),
        (
            {"torchvision": "MNIST", "root": "."},
            "transfer.sets.x.torchvision is 'MNIST': write one of FGVCAircraft, Stan",
        ),
        ({"torchvisoin": "DTD", "root": "."}, "transfer.sets.x.torchvisoin: there is no such key; did you mean torchvision"),
    ],
)
def test_a_transfer_set_has_one_known_source(demo, entry, sentence):
    with pytest.raises(StudyError) as caught:
        load_study(with_transfer(demo, {"x": entry}))
    assert sentence in str(caught.value)


def test_a_missing_transfer_set_is_rejected_before_anything_runs(demo, tmp_path):
    study = load_study(with_transfer(demo, {"textures": {"torchvision": "DTD", "root": str(tmp_path)}}))
    with pytest.raises(StudyError) as caught:
        check_sources(study)
    assert str(caught.value) == (
        f"config: transfer.sets.textures: {tmp_path}/dtd/dtd does not exist; DTD is not downloaded automatically: unpack "
        f"dtd-r1.0.1.tar.gz of https://www.robots.ox.ac.uk/~vgg/data/dtd/ into dtd there ({tmp_path})"
    )
    with pytest.raises(
        StudyError, match=r"mine.images.train: nowhere is not a folder with one folder per class; .*mine.classes"
    ):
        check_sources(load_study(with_transfer(demo, {"mine": {"images": {"train": "nowhere"}}})))
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(StudyError, match=r"transfer.sets.mine.images.train: the folder .*/cat contains no image"):
        check_sources(load_study(with_transfer(demo, {"mine": {"images": {"train": str(tmp_path / "train")}}})))


def test_a_transfer_set_has_its_own_classes(demo, tmp_path):
    for split, names in (("train", ("ant", "bee")), ("val", ("bee", "ant"))):
        for name in names:
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "1.png").write_bytes(b"x")
    images = {"train": str(tmp_path / "train"), "evaluation": str(tmp_path / "val")}
    study = load_study(with_transfer(demo, {"mine": {"images": images}}))
    check_sources(study)
    assert [row.key for row in read_transfer_classes(study, "mine")] == ["ant", "bee"]
    assert find_transfer_files(study, "mine")["evaluation"].paths == (f"{tmp_path}/val/ant", f"{tmp_path}/val/bee")
    table = {"images": {"train": "resources/demo/natural/fashion-train.parquet"}, "classes": demo["classes"]}
    study = load_study(with_transfer(demo, {"mine": table}))
    check_sources(study)
    assert len(read_transfer_classes(study, "mine")) == 10
    assert find_transfer_files(study, "mine")["train"].form == "parquet"


def test_transfer_and_features_need_a_model(demo):
    del demo["classifiers"], demo["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    load_study(with_transfer(demo, {"digits": {"sklearn": "digits"}}))  # uses the encoder
    with pytest.raises(StudyError, match="features: there is no classifier whose features could be measured"):
        load_study(demo | {"features": {}})
    user_provided = {key: demo[key] for key in ("study", "classes")}
    user_provided["sets"] = {"Mine-IM": {"kind": "image", "embeddings": "mine.parquet"}}
    with pytest.raises(StudyError, match="transfer: there is no classifier and no encoder whose features could be used"):
        load_study(with_transfer(user_provided, {"digits": {"sklearn": "digits"}}))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Fashion", "config: features.set: there is no set 'Fashion'; did you mean 'Fashion-IM'?"),
        ("Synset-IM", "config: features.set is 'Synset-IM': it is not a set of natural images (`images`)"),
    ],
)
def test_features_need_natural_images(demo, name, sentence):
    with pytest.raises(StudyError) as caught:
        load_study(demo | {"features": {"set": name}})
    assert str(caught.value) == sentence


def test_jobs_of_large_sets_use_several_threads(demo):
    assert count_scoring_threads(load_study(demo)) == 1
    demo["images_per_class"] = {"train": 10_000, "evaluation": 100}  # of ten classes
    demo["datasets"]["promptaug"]["unique"] = False
    assert count_scoring_threads(load_study(demo)) == 8


def test_the_size_of_user_provided_embeddings_counts_and_not_the_number_of_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.csv").write_text("class_id,key,name\n0,a,a\n1,b,b\n")
    table = tmp_path / "mine.parquet"
    table.write_bytes(bytes(1000))
    config = {
        "study": "mine",
        "classes": "classes.csv",
        "images_per_class": {"train": 100_000, "evaluation": 1},
        "sets": {"Mine-IM": {"kind": "image", "embeddings": "mine.parquet"}},
    }
    assert count_scoring_threads(load_study(config)) == 1
    os.truncate(table, LARGE_TABLES)  # a file with a hole
    assert count_scoring_threads(load_study(config)) == 8


@pytest.mark.parametrize(
    ("parts", "more", "message"),
    [
        (
            [{"set": "Disamb-IM", "images_per_class": 20}] * 2,
            {},
            "each part must be of another set; Disamb-IM is there twice",
        ),
        (
            [{"set": "Disamb-IM", "images_per_class": 20}],
            {"init_from": {"classifier": "first", "train": "Some"}},
            "all seeds of first, whose weights are the first, have the same images",
        ),
    ],
)
def test_samples_that_would_not_be_others_are_refused(demo, parts, more, message):
    demo["mixtures"] = {"Some": {"parts": parts}}
    demo["classifiers"]["small"] |= {"seeds": [1, 2], "train": ["Some"]}
    demo["classifiers"]["first"] = demo["classifiers"]["small"] | {}
    demo["classifiers"]["small"] |= {"sample_per_seed": True, **more}
    demo["sets"]["Fashion-IM"]["images_per_class"].pop("selection")
    with pytest.raises(StudyError, match=message):
        load_study(demo)


def test_each_seed_has_a_sample_of_its_own(demo):
    demo["mixtures"] = {"Some": {"parts": [{"set": "Disamb-IM", "images_per_class": 30}]}}
    trained = {"seeds": [7, 4, 9], "seeds_per_job": 2, "train": ["Some"], "sample_per_seed": True}
    demo["classifiers"]["small"] |= trained
    demo["sets"]["Fashion-IM"]["images_per_class"].pop("selection")
    study = load_study(demo)
    assert train_classifier(study, classifier="small", training="Some", seeds="7-4").samples == (0, 1)
    assert train_classifier(study, classifier="small", training="Some", seeds="9").samples == (2,)
    demo["classifiers"]["small"]["sample_per_seed"] = False
    assert train_classifier(load_study(demo), classifier="small", training="Some", seeds="9").samples == ()
