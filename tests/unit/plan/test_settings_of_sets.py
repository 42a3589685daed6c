"""Which training sets differ in one setting."""

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.jobs.classifiers import list_predictor_pairs
from synthdiv.plan.interventions import find_cause, list_interventions, list_sizes, resolve_settings
from synthdiv.plan.loading import load_study


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def list_pairs(config):
    study = load_study(config)
    return {
        (one.base, one.changed): (one.setting, one.before, one.after, find_cause(study, one))
        for one in list_interventions(study, "small")
    }


def test_the_demos_interventions(config):
    guidance = "diversity against adherence"
    assert list_pairs(config) == {
        ("Synset-IM", "Disamb-IM"): ("prompts", "synset", "disamb", "ambiguity"),
        ("Disamb-IM", "Disamb5.0-IM"): ("guidance_scale", "7.5", "5", guidance),
        ("Disamb5.0-IM", "Disamb2.5-IM"): ("guidance_scale", "5", "2.5", guidance),
        ("Disamb2.5-IM", "Disamb1.0-IM"): ("guidance_scale", "2.5", "1", guidance),
        ("Disamb2.5-IM", "PromptAug-IM"): ("prompts", "disamb", "promptaug", "diversity"),
    }


def add_set(config, name, generator=None, **entry):
    """Add a training set; with a generator, of a dataset of its own with the prompts of disamb at 2.5."""
    if generator is not None:
        config["generators"][name] = config["generators"]["tiny-sd"] | generator
        dataset = f"of{name}"
        config["datasets"][dataset] = config["datasets"]["disamb"] | {"guidance_scales": [2.5], "generator": name}
        entry = {"kind": "image", "dataset": dataset, "guidance_scale": 2.5} | entry
    config["sets"][name] = entry
    config["classifiers"]["small"]["train"].append(name)


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ({"steps": 20}, ("steps", "8", "20")),
        ({"scheduler": None}, ("sampler", "DPMSolverMultistepScheduler", "the model's own")),
        (
            {"scheduler_options": {"solver_order": 1}},
            ("sampler", "DPMSolverMultistepScheduler", 'DPMSolverMultistepScheduler {"solver_order": 1}'),
        ),
        ({"lora": "resources/demo/models/clip", "lora_scale": 0.5}, ("weights", "tiny-sd", "New")),
        ({"model": "hub/other", "width": 64, "batch_size": 2, "dtype": "float16"}, ("weights", "tiny-sd", "New")),
        ({"width": 64}, ("size", "32 x 32", "64 x 32")),
        ({"negative_prompt": "blurry"}, ("negative_prompt", "", "blurry")),
        ({"safety_checker": "hub/checker"}, None),
        ({"batch_size": 2, "compile": True}, None),
        ({"steps": 20, "scheduler": None}, None),
    ],
    ids=str,
)
def test_each_setting_of_a_generator_is_one(config, monkeypatch, generator, expected):
    monkeypatch.setattr("synthdiv.plan.loading.check_study", lambda study: None)
    add_set(config, "New", generator)
    found = {pair: one[:3] for pair, one in list_pairs(config).items() if "New" in pair}
    assert found == ({} if expected is None else {("Disamb2.5-IM", "New"): expected})


def test_equal_content_under_another_name_is_used_once(config):
    """A dataset with the same prompts, and a generator with the same settings."""
    before = list_pairs(config)
    add_set(config, "New", {"batch_size": 10})
    assert list_pairs(config) == before


def test_a_checker_counts_if_its_flag_leaves_images_out(config, monkeypatch):
    monkeypatch.setattr("synthdiv.plan.loading.check_study", lambda study: None)
    config["exclude_flags"] = ["nsfw"]
    add_set(config, "New", {"safety_checker": "hub/checker"})
    found = [one[0] for pair, one in list_pairs(config).items() if "New" in pair]
    assert found == ["safety_checker"]


def test_a_set_with_some_classes_of_clarified_prompts_differs_in_its_prompts(config):
    clarified, rest = ["tshirt", "bag"], ["trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "boot"]
    parts = [{"set": "Disamb-IM", "classes": clarified}, {"set": "Synset-IM", "classes": rest}]
    config["mixtures"] = {"Clarified": {"parts": parts}}
    config["classifiers"]["small"]["train"].append("Clarified")
    found = {pair: one[0] for pair, one in list_pairs(config).items() if "Clarified" in pair}
    assert found == {("Synset-IM", "Clarified"): "prompts", ("Disamb-IM", "Clarified"): "prompts"}
    config["mixtures"]["Clarified"]["parts"][0]["set"] = "Disamb2.5-IM"  # another guidance scale in some classes
    assert resolve_settings(load_study(config), "Clarified") is None
    assert not [pair for pair in list_pairs(config) if "Clarified" in pair]


NATURAL = {"set": "Fashion-IM"}


def list_mixed(config, mixtures, train=()):
    config["mixtures"] = {name: {"parts": parts} for name, parts in mixtures.items()}
    config["classifiers"]["small"]["train"] = [*train, *mixtures]
    config["sets"]["Fashion-IM"]["images_per_class"].pop("selection", None)  # there may be nothing to choose from
    return {pair: one[:3] for pair, one in list_pairs(config).items()}


def test_numbers_of_natural_images(config):
    """Neighbours only; all images are more than any number; another natural source is no intervention."""
    found = list_mixed(
        config,
        {
            "N20": [NATURAL | {"images_per_class": 20}],
            "N50": [NATURAL | {"images_per_class": 50}],
            "Studio20": [{"set": "FashionStudio-IM", "images_per_class": 20}],
        },
        ["Fashion-IM", "FashionStudio-IM"],
    )
    assert found == {
        ("Fashion-IM", "N50"): ("images", "100", "50"),
        ("N20", "N50"): ("images", "20", "50"),
        ("FashionStudio-IM", "Studio20"): ("images", "100", "20"),
    }
    del config["sets"]["Fashion-IM"]["images_per_class"]["train"]
    assert list_mixed(config, {"N20": [NATURAL | {"images_per_class": 20}]}, ["Fashion-IM"]) == {
        ("Fashion-IM", "N20"): ("images", "all", "20")
    }


def test_further_parts_have_settings_of_their_own(config):
    """A part is added, or one of its settings changes, whatever the order of the parts."""

    def mix(name, count):
        return [NATURAL, {"set": name, "images_per_class": count}]

    found = list_mixed(
        config,
        {
            "D30": mix("Disamb-IM", 30),
            "D60": mix("Disamb-IM", 60)[::-1],
            "L30": mix("Disamb2.5-IM", 30),
            "S60": mix("Synset-IM", 60),
        },
        ["Fashion-IM"],
    )
    assert found == {
        ("Fashion-IM", "D30"): ("mixture", "none", "30 Disamb-IM"),
        ("Fashion-IM", "L30"): ("mixture", "none", "30 Disamb2.5-IM"),
        ("Fashion-IM", "S60"): ("mixture", "none", "60 Synset-IM"),
        ("D30", "D60"): ("images", "30", "60"),
        ("D30", "L30"): ("guidance_scale", "7.5", "2.5"),
        ("D60", "S60"): ("prompts", "disamb", "synset"),
    }


def test_weights_of_parts_are_a_setting(config):
    def weigh(*weights):
        return [one | {"weight": weight} for one, weight in zip((NATURAL, {"set": "Disamb-IM"}), weights, strict=True)]

    found = list_mixed(config, {"Equal": weigh(1, 1), "Same": weigh(2, 2), "More": weigh(1, 3)})
    assert found == {("Equal", "More"): ("weights of parts", "50 %, 50 %", "25 %, 75 %")}
    parts = [{"set": "Disamb-IM", "classes": ["bag"], "weight": 9}, {"set": "Synset-IM", "weight": 1}]
    config["mixtures"]["Other"] = {"parts": parts}
    assert resolve_settings(load_study(config), "Other") is None


def test_only_the_training_prompts_of_a_table_count(config, tmp_path):
    """Other evaluation prompts, or prompts of images that are not used, are no intervention."""
    keys = [row.key for row in load_study(config).classes]
    train = {"train": {n: f"prompt {n}" for n in range(2)}}

    def write(name, rows):
        lines = [
            f"{key},{split},{n},{key} {text}" for key in keys for split, texts in rows.items() for n, text in texts.items()
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["key,split,index,prompt", *lines]))
        config["datasets"][name] = {"builder": "table", "table": str(tmp_path / f"{name}.csv"), "guidance_scales": [7.5]}
        config["datasets"][name]["images_per_class"] = {"train": 2, "evaluation": 1}
        add_set(config, f"{name}-IM", kind="image", dataset=name, guidance_scale=7.5)

    write("one", train | {"evaluation": {0: "a"}})
    write("two", train | {"evaluation": {0: "b"}})
    write("three", {"train": {0: "prompt 0", 1: "another"}, "evaluation": {0: "a"}})
    found = {pair: one[0] for pair, one in list_pairs(config).items() if "one-IM" in pair}
    assert found == {("one-IM", "three-IM"): "prompts"}


def test_sizes_of_each_source_are_a_group(config):
    natural = {str(n): [{"set": "Fashion-IM", "images_per_class": n}] for n in (50, 25)}
    generated = {f"g{n}": [{"set": "Disamb-IM", "images_per_class": n}] for n in (50, 25)}
    config["mixtures"] = {name: {"parts": parts} for name, parts in (natural | generated).items()}
    config["classifiers"]["small"]["train"] = ["Fashion-IM", "Disamb-IM", "25", "g25", "g50", "50", "Synset-IM"]
    groups = list_sizes(load_study(config), "small")
    assert sorted(map(sorted, groups)) == [["25", "50", "Fashion-IM"], ["Disamb-IM", "g25", "g50"]]


def test_settings_of_the_user(config):
    """They stand for where the images come from; numbers are compared as numbers, and only neighbouring ones."""
    for name, cfg, season in (("One", 7, "summer"), ("Two", 2.5, "summer"), ("Three", 1, "summer"), ("Four", 7.0, "winter")):
        images = {split: f"resources/demo/natural/fashion-{split}.parquet" for split in ("train", "evaluation")}
        add_set(config, name, kind="image", images=images, settings={"season": season, "cfg": cfg})
    names = {"One", "Two", "Three", "Four"}
    found = {pair: one for pair, one in list_pairs(config).items() if names & {*pair}}
    assert found == {
        ("One", "Two"): ("setting cfg", "7", "2.5", ""),
        ("Two", "Three"): ("setting cfg", "2.5", "1", ""),
        ("One", "Four"): ("setting season", "summer", "winter", ""),
    }


def list_predictor_bases(config):
    pairs = list_predictor_pairs(load_study(config))
    assert {pair.classifier for pair in pairs} == {"small"}
    return [
        [(pair.base, pair.train_set) for pair in pairs if pair.outcome == outcome]
        for outcome in ("shortfall", "intervention")
    ]


def test_metrics_are_to_predict_shortfalls_and_interventions(config):
    """A mixture has no metrics; shortfalls are measured from the first natural training set."""
    config["mixtures"] = {"Half": {"parts": [{"set": "Disamb-IM", "images_per_class": 50}]}}
    trained = config["classifiers"]["small"]["train"] = [*config["classifiers"]["small"]["train"], "Half"]
    generated = [name for name in trained if name not in ("Fashion-IM", "Half")]
    interventions = list(list_pairs(config))
    shortfalls, gains = list_predictor_bases(config)
    assert shortfalls == [("Fashion-IM", name) for name in generated]
    assert gains == [pair for pair in interventions if "Half" not in pair]
    assert len(gains) == len(interventions) - 1
    config["classifiers"]["small"]["train"] = ["FashionStudio-IM", *generated]
    assert list_predictor_bases(config)[0] == [("FashionStudio-IM", name) for name in generated]
    config["classifiers"]["small"]["train"] = generated
    assert list_predictor_bases(config) == [[], gains]
