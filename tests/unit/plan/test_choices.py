"""The training sets that one can choose from, and the images that choose."""

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.config.problems import ConfigError
from synthdiv.config.rungs import list_rungs
from synthdiv.jobs.classifiers import (
    choose_training_sets,
    evaluate_classifier,
    list_evaluation_indices,
    list_selection_predictions,
)
from synthdiv.jobs.diagnosis import list_accounting, list_choice, tabulate_accounts
from synthdiv.jobs.figures import describe_confusion, describe_sizes, describe_styles, list_figures, list_styled
from synthdiv.jobs.images import index_images, list_indexed
from synthdiv.plan.classifiers import (
    find_selection_set,
    list_accounted,
    list_choices,
    list_natural_trainings,
    list_selection_sets,
)
from synthdiv.plan.experiments import list_diagnosed
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.loading import load_study
from synthdiv.plan.sets import find_natural_images, list_natural_sets

GENERATED = ["Synset-IM", "Disamb-IM", "Disamb5.0-IM", "Disamb2.5-IM", "Disamb1.0-IM", "PromptAug-IM"]


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def test_no_job_that_chooses_reads_an_evaluation_image(demo):
    """Its inputs are predictions for the selection split, whose images are held out of the training split."""
    study = load_study(demo)
    job = choose_training_sets(study)
    assert job.choices == tuple(("small", name) for name in GENERATED)
    assert list_selection_predictions(study) == [f"<results>/selection/small/{name}.parquet" for name in GENERATED]
    assert job.selection == {"small": "Fashion-IM"}
    for classifier, training in job.choices:
        (selected,) = [one for one in evaluate_classifier(study, classifier, training).sets if one.split == "selection"]
        assert selected.set_name == "Fashion-IM"
        assert list_evaluation_indices(study, classifier)[-1] == "<results>/images/selection/Fashion-IM.parquet"
    source = index_images(study, "selection/Fashion-IM").source
    assert [split for split, _ in source.files] == ["train"]
    assert (source.is_held_out, source.held_out, source.images_per_class) == (True, 100, {"train": 100})
    assert list_choice(study) == ["<results>/tables/selection.csv"]


def test_a_subset_of_the_training_split_is_indexed_as_before(demo):
    """It leaves images unused, so those that choose are taken from them."""
    before = index_images(load_study(demo), "natural/Fashion-IM")
    demo["sets"]["Fashion-IM"]["images_per_class"]["selection"] = 50
    assert index_images(load_study(demo), "natural/Fashion-IM") == before
    demo["sets"]["Fashion-IM"]["images_per_class"] = {"evaluation": 100}
    whole = index_images(load_study(demo), "natural/Fashion-IM").source
    assert (whole.held_out, whole.is_held_out) == ("default", False)


def test_a_selection_split_of_its_own(demo):
    demo["sets"]["Fashion-IM"]["images"]["selection"] = "resources/demo/natural/fashion-evaluation.parquet"
    study = load_study(demo)
    source = index_images(study, "selection/Fashion-IM").source
    assert [split for split, _ in source.files] == ["selection"]
    assert (source.images_per_class, source.held_out, source.is_held_out) == ({"selection": 100}, None, False)
    assert index_images(study, "natural/Fashion-IM").source.held_out is None


@pytest.mark.parametrize(
    ("train", "evaluate", "expected"),
    [
        (GENERATED, ["Fashion-IM"], "Fashion-IM"),
        (GENERATED, ["Disamb-IM", "FashionStudio-IM", "Fashion-IM"], "FashionStudio-IM"),
        (GENERATED, ["Disamb-IM"], None),
        (["Synset-IM", "Fashion-IM", "FashionStudio-IM"], ["Fashion-IM"], None),  # one to choose
    ],
)
def test_the_set_that_chooses(demo, train, evaluate, expected):
    del demo["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    demo["classifiers"]["small"] |= {"train": train, "evaluate": evaluate}
    study = load_study(demo)
    assert find_selection_set(study, "small") == expected
    assert list_selection_sets(study) == ([] if expected is None else [expected])
    indexed = [one["indexed"] for one in list_indexed(study) if one["indexed"].startswith("selection/")]
    assert indexed == ([] if expected is None else [f"selection/{expected}"])


def test_a_set_without_a_training_split_cannot_choose_unless_it_has_a_selection_split(demo):
    del demo["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    evaluation = "resources/demo/natural/fashion-evaluation.parquet"
    demo["sets"]["Only-IM"] = {"kind": "image", "images": {"evaluation": evaluation}}
    demo["classifiers"]["small"]["evaluate"] = ["Only-IM", "Fashion-IM"]
    assert find_selection_set(load_study(demo), "small") == "Fashion-IM"
    demo["sets"]["Only-IM"]["images"]["selection"] = "resources/demo/natural/fashion-train.parquet"
    assert find_selection_set(load_study(demo), "small") == "Only-IM"


def test_mixtures_with_natural_images_are_no_choice_but_have_an_account(demo):
    natural = {"set": "Fashion-IM", "images_per_class": 50}
    demo["mixtures"] = {
        "Half": {"parts": [natural]},
        "Added": {"parts": [natural, {"set": "Disamb-IM"}]},
        "Both": {"parts": [{"set": "Disamb-IM"}, {"set": "Synset-IM"}]},
    }
    demo["classifiers"]["small"]["train"] += ["Half", "Added", "Both"]
    study = load_study(demo)
    assert list_choices(study, "small") == [*GENERATED, "Both"]
    assert list_accounted(study, "small") == [*GENERATED, "Added", "Both"]
    assert list_natural_trainings(study, "small") == ["Fashion-IM", "Half"]
    job = tabulate_accounts(study)
    assert job.natural == {"small": ("Fashion-IM", "Half")}
    by_name = {one.name: one for one in job.sets["small"]}
    assert by_name["Fashion-IM"].settings["images"] == (0, "100")
    assert by_name["Half"].settings["images"] == (1, "50")
    assert by_name["Added"].settings == {}


def test_images_with_settings_count_as_generated(demo):
    """They are indexed like natural ones, but they are no natural set, can be chosen, and are diagnosed."""
    demo["sets"]["FashionStudio-IM"]["settings"] = {"generator": "mine"}
    demo["classifiers"]["small"]["train"].append("FashionStudio-IM")
    study = load_study(demo)
    assert list_natural_sets(study) == ["Fashion-IM"]
    assert list_choices(study, "small") == [*GENERATED, "FashionStudio-IM"]
    assert {"indexed": "natural/FashionStudio-IM"} in list_indexed(study)
    assert list_diagnosed(study) == ["FashionStudio-IM", *GENERATED]
    demo["sets"] = {name: demo["sets"][name] for name in ("FashionStudio-IM", "Fashion-IM")}
    demo["classifiers"]["small"] |= {"train": list(demo["sets"]), "evaluate": ["Fashion-IM"], "monitor": "Fashion-IM"}
    for key in ("experiments", "contact_sheets", "prompt_probes", "datasets", "generators"):
        demo.pop(key)
    del demo["sets"]["Fashion-IM"]["images_per_class"]["selection"], demo["images_per_class"]
    assert find_natural_images(load_study(demo)) == "Fashion-IM"


@pytest.mark.parametrize("key", ["images", "images_per_class"])
def test_a_selection_split_that_chooses_nothing_is_refused(demo, key):
    value = {"images": "resources/demo/natural/studio-train-images-idx3-ubyte.gz", "images_per_class": 5}[key]
    demo["sets"]["FashionStudio-IM"].setdefault(key, {})["selection"] = value
    with pytest.raises(ConfigError, match=f"sets.FashionStudio-IM.{key}.selection: nothing is chosen by this set"):
        load_study(demo)


def test_accounts_start_at_natural_images_of_another_set_if_there_are_none_of_the_evaluation_set(demo):
    del demo["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    demo["sets"]["Only-IM"] = {
        "kind": "image",
        "images": {"evaluation": "resources/demo/natural/fashion-evaluation.parquet"},
    }
    demo["classifiers"]["small"] |= {"train": ["Fashion-IM", "Disamb-IM"], "evaluate": ["Only-IM"]}
    study = load_study(demo)
    assert list_natural_trainings(study, "small") == ["Fashion-IM"]
    assert list_accounting(study) == ["small"]
    demo["classifiers"]["small"]["train"] = ["Disamb-IM", "Both"]
    demo["mixtures"] = {"Both": {"parts": [{"set": "Fashion-IM"}, {"set": "Disamb-IM"}]}}
    assert list_accounting(load_study(demo)) == []  # one set to choose, and no natural one to compare it with


def test_the_demos_open_questions(monkeypatch):
    """Their config completes the combinations of two settings, has three sizes of a set, and no image of the demo anew."""
    monkeypatch.chdir(REPOSITORY)
    study, demo = (
        load_study(yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text()))
        for name in ("demo_answer", "config")
    )
    pairs = [(one.base, one.changed, one.setting) for one in list_interventions(study, "small")]
    assert pairs == [
        ("Synset-IM", "Synset2.5-IM", "guidance_scale"),
        ("Synset-IM", "Disamb-IM", "prompts"),
        ("Synset2.5-IM", "Disamb2.5-100", "prompts"),
        ("Disamb-IM", "Disamb2.5-100", "guidance_scale"),
        ("Disamb2.5-100", "Disamb2.5-200", "images"),
        ("Disamb2.5-200", "More2.5-IM", "images"),
    ]
    sizes = {"groups": {"small": [["Disamb2.5-100", "Disamb2.5-200", "More2.5-IM"]]}, "natural": {"small": "Fashion-IM"}}
    assert describe_sizes(study) == sizes | describe_styles(study)
    generated = ["Synset-IM", "Synset2.5-IM", "Disamb-IM", "More2.5-IM"]
    assert list_styled(study)[:7] == [*generated, "Fashion-IM", "Disamb2.5-100", "Disamb2.5-200"]
    assert [{"sizes", "confusion"} & set(list_figures(one)) for one in (study, demo)] == [
        {"sizes", "confusion"},
        {"confusion"},
    ]
    rungs = [rung.training for rung in list_rungs(study.config)]
    assert (rungs[0], rungs[-3:]) == ("Fashion-IM", ["ladder-captions", "ladder-prompts", "Disamb-IM"])
    assert len(study.config.classifiers["small"].seeds) == 6
    assert study.config.generators == demo.config.generators
    assert study.config.classifiers["small"].recipe == demo.config.classifiers["small"].recipe
    assert study.sets["Fashion-IM"] == demo.sets["Fashion-IM"]


def test_only_classifiers_with_sets_to_compare_have_confused_classes(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    ready = {"recipe": {"model": "resnet18", "pretrained": True}, "trained_on": "Elsewhere", "evaluate": ["Fashion-IM"]}
    config["classifiers"] = {"ready": ready, "small": config["classifiers"]["small"]}
    assert describe_confusion(load_study(config))["classifier"] == "small"
    del config["classifiers"]["small"], config["sets"]["Fashion-IM"]["images_per_class"]["selection"]
    assert "confusion" not in list_figures(load_study(config))
