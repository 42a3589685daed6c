"""Test which rungs a ladder has, which jobs make them, and what is wrong in its config."""

import pytest
from edits import edit, find_changes
from standin import make_config

from synthdiv.config.rungs import list_rungs
from synthdiv.core.errors import StudyError
from synthdiv.jobs.classifiers import list_training_indices
from synthdiv.jobs.images import list_natural_indices, list_rung_owners, list_rung_sources
from synthdiv.jobs.rules import list_jobs
from synthdiv.plan.classifiers import list_choices
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.loading import load_study

COUNT = 3


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{key},{n},photo {n} of {key}" for key in ("n01", "n02", "n03") for n in range(COUNT)]
    (tmp_path / "captions.csv").write_text("\n".join(["key,index,caption", *lines]) + "\n")
    natural = {"kind": "image", "images": {"train": "train", "evaluation": "val"}, "images_per_class": {"train": COUNT}}
    for folder in (tmp_path / split / key for split in ("train", "val") for key in ("n01", "n02", "n03")):
        folder.mkdir(parents=True)
    spec = {"model": str(tmp_path), "steps": 8, "width": 16, "height": 8}
    return make_config(tmp_path, classes_csv, images_per_class={"train": COUNT, "evaluation": 1}) | {
        "generators": {"gen": spec},
        "classes_per_shard": 2,
        "sets": {
            "Natural": natural,
            "All": {"kind": "image", "images": {"train": "train", "evaluation": "val"}},
            "Made": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5},
        },
        "mixtures": {"Some": {"parts": [{"set": "All", "images_per_class": COUNT}]}},
        "classifiers": {
            "small": {
                "recipe": {"model": "test_resnet", "epochs": 1},
                "train": ["Natural", "All", "Some", "Made"],
                "evaluate": ["Natural"],
                "seeds": [1, 2],
            }
        },
        "ladder": {"set": "Made", "captions": "captions.csv"},
    }


def list_changes(config, changes):
    """List the rules whose jobs an edit changes, and of those of rungs and trainings, which."""
    before, after = (list_jobs(load_study(one)) for one in (config, edit(config, changes)))
    jobs = sorted(f"{job[1]}" for job in before.keys() | after.keys() if before.get(job) != after.get(job))
    return find_changes(before, after), jobs


def test_the_rungs_lead_from_natural_images_to_the_set(config):
    assert [(rung.training, rung.changes) for rung in list_rungs(load_study(config).config)] == [
        ("Natural", ""),
        ("ladder-resized", "resized to 16 x 8 pixels and stored as PNG"),
        ("ladder-vae", "encoded and decoded by the autoencoder of gen"),
        ("ladder-strength0.25", "image-to-image from captions, strength 0.25"),
        ("ladder-strength0.5", "image-to-image from captions, strength 0.5"),
        ("ladder-strength0.75", "image-to-image from captions, strength 0.75"),
        ("ladder-captions", "generated from captions, without natural images"),
        ("ladder-prompts", "prompts instead of captions"),
        ("Made", "guidance scale 1 to 7.5"),
    ]


def test_without_captions_prompts_take_their_place(config):
    rungs = list_rungs(load_study(edit(config, {"ladder/captions": "remove", "ladder/strengths": [0.5]})).config)
    assert [(rung.training, rung.changes) for rung in rungs[3:]] == [
        ("ladder-strength0.5", "image-to-image from prompts, strength 0.5"),
        ("ladder-prompts", "generated from prompts, without natural images"),
        ("Made", "guidance scale 1 to 7.5"),
    ]


def test_a_set_without_guidance_is_the_rung_of_its_prompts(config):
    changes = {"datasets/synset/guidance_scales": [1.0], "sets/Made/guidance_scale": 1.0}
    rungs = list_rungs(load_study(edit(config, changes)).config)
    assert [rung.training for rung in rungs[-2:]] == ["ladder-captions", "Made"]
    assert rungs[-1].changes == "prompts instead of captions"


def test_each_rung_is_made_in_shards_trained_and_evaluated(config):
    without = list_jobs(load_study(edit(config, {"ladder": "remove"})))
    jobs = list_jobs(study := load_study(config))
    made = [rung.training for rung in list_rungs(study.config)[1:-1]]
    new = {
        *(("generate_rung", f"{name} {shard}") for name in made for shard in ("c0-1", "c2-2")),
        *(("write_manifest", f"images/ladder/{name}") for name in made),
        *(("train_classifier", f"small {name} {seed}") for name in made for seed in (1, 2)),
        *(("evaluate_classifier", f"small {name}") for name in made),
        ("tabulate_ladder", ""),
        ("plot_figure", "ladder"),
    }
    assert jobs.keys() - without.keys() == new
    changed = {job[0] for job in without if without[job] != jobs[job]}
    assert changed <= {"write_table_page"}
    assert list_training_indices(study, "ladder-vae") == ["<results>/images/ladder/ladder-vae/manifest.json"]


def test_rungs_take_no_part_in_choices_and_interventions(config):
    study = load_study(config)
    assert list_choices(study, "small") == ["Made"]
    assert not any("ladder" in one.base + one.changed for one in list_interventions(study, "small"))


def test_a_rung_reads_only_what_it_is_made_from(config):
    study = load_study(edit(config, {"datasets/synset/guidance_scales": [1.0, 7.5]}))
    natural = ["<results>/images/natural/Natural.parquet"]
    assert list_natural_indices(study, "ladder-vae") == list_natural_indices(study, "ladder-captions") == natural
    assert list_natural_indices(study, "ladder-prompts") == []
    assert list_rung_sources(study, "ladder-captions") == ["captions.csv"]
    assert list_rung_sources(study, "ladder-vae") == list_rung_sources(study, "ladder-prompts") == []
    assert list_rung_owners(study, "ladder-prompts", "c0-1") == ["<results>/images/synset/g1/c0-1.parquet"]
    assert list_rung_owners(study, "ladder-captions", "c0-1") == []


def test_an_edit_plans_only_the_rungs_that_it_changes(config, tmp_path):
    path = tmp_path / "captions.csv"
    before, text = list_jobs(load_study(config)), path.read_text()
    path.write_text(text.replace("photo 1 of n03", "a nail"))
    after = list_jobs(load_study(config))
    changed = sorted(job for job in before if before[job] != after[job])
    texts = ["ladder-captions", "ladder-strength0.25", "ladder-strength0.5", "ladder-strength0.75"]
    assert changed == [("generate_rung", f"{name} c2-2") for name in texts]
    path.write_text(text)
    rules, jobs = list_changes(config, {"ladder/strengths": [0.25, 0.5, 0.6]})
    assert "train_classifier" in rules
    assert all("strength0.6" in job or "strength0.75" in job for job in jobs if job not in ("", "ladder"))
    rules, jobs = list_changes(config, {"datasets/synset/builder": "template", "datasets/synset/template": "{name}"})
    assert {job for job in jobs if "ladder" in job} == {"ladder-prompts c0-1", "ladder-prompts c2-2"}


def test_the_start_is_a_set_or_a_mixture_with_equal_numbers(config):
    for natural, subset in (("Natural", None), ("Some", COUNT)):
        jobs = list_jobs(load_study(edit(config, {"ladder/natural": natural})))
        assert jobs["generate_rung", "ladder-vae c0-1"]["subset"] == subset
    first = edit(config, {"classifiers/small/train": ["All", "Some", "Made"]})
    assert list_rungs(load_study(first).config)[0].training == "Some"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ladder/set": "Mad"}, "ladder.set: there is no set 'Mad'"),
        ({"ladder/natural": "Nature"}, "ladder.natural: there is no set or mixture 'Nature'"),
        ({"ladder/classifier": "tiny"}, "ladder.classifier: there is no classifier 'tiny'"),
        ({"ladder/set": "All"}, "ladder.set is 'All': it is not a set of generated images"),
        ({"ladder/natural": "Made"}, "ladder.natural is 'Made': it is not a training set with natural images of one set"),
        (
            {"ladder/natural": "All"},
            "ladder.natural: All does not say that it has 3 images per class, as Made has: start at",
        ),
        ({"classifiers/small/train": ["Natural"]}, "ladder.set is 'Made': it must be among the training sets"),
        ({"classifiers/small/train": ["Made"]}, "ladder: small has no training set with natural images of one set"),
        ({"classifiers": "remove"}, "ladder: there is no classifier to train"),
        ({"ladder/strengths": [0.5, 0.1]}, "ladder.strengths.1. is 0.1: of the generator's 8 steps, none is left"),
        ({"ladder/strengths": [1.0]}, "ladder.strengths.0. is 1.0: write a number above 0 to below 1"),
        ({"mixtures/ladder-vae": {"parts": [{"set": "Made"}]}}, "ladder: a rung has the name ladder-vae, and so has a set"),
        ({"ladder/captions": "missing.csv"}, "ladder.captions"),
        (
            {"images_per_class/train": 4, "sets/Natural/images_per_class/train": 4},
            "the table has 3 captions of the class 'n01'",
        ),
        ({"datasets/ladder": {"builder": "lemmas"}}, "datasets.ladder: this name is reserved"),
    ],
)
def test_mistakes_are_explained(config, changes, message):
    with pytest.raises(StudyError, match=message):
        load_study(edit(config, changes))
