"""The prompts that a job reads are those of the study that planned it, or none."""

from pathlib import Path

import pytest
from standin import COUNTS, GRAMMAR, make_config

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import PROBE, SPLITS
from synthdiv.jobs.images import GenerateImages, generate_prompt_probe, plan_generation
from synthdiv.jobs.prompts import WritePrompts, describe_probe, describe_prompts, write_prompts
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun

PROBE_ENTRY = {
    "class": "n02",
    "prompts": ["jay", " a red jay"],
    "guidance_scale": 7.5,
    "reference": "Synset-IM",
    "images": 4,
}
BUILT = ["synset", "template", "disamb", "per-class", "more", "per-image", "augmented"]
EDITED = "the prompts of {} were edited after this run was planned; start snakemake again"


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    """A study with a dataset of each builder, some based on others, and a prompt probe."""
    monkeypatch.chdir(tmp_path)
    config = make_config(tmp_path, classes_csv, images_per_class=COUNTS, seed=5)
    Path("grammar.yaml").write_text(GRAMMAR)
    Path("per-class.csv").write_text("key,prompt\nn01,a crane\nn02,a jay\nn03,a nail\n")
    Path("more.csv").write_text("key,prompt\nn03,a nail of steel\n")
    places = [(f"n0{n}", split, index) for n in (1, 2, 3) for split in SPLITS for index in range(COUNTS[split])]
    lines = [f"{key},{split},{index},{split} {index} of {key}" for key, split, index in places]
    Path("per-image.csv").write_text("\n".join(["key,split,index,prompt", *lines, ""]))
    config["datasets"] |= {
        "template": {"builder": "template", "template": "a photo of {name} ({lemmas})"},
        "per-class": {"builder": "table", "table": "per-class.csv"},
        "more": {"builder": "overrides", "base": "per-class", "overrides": "more.csv"},
        "per-image": {"builder": "table", "table": "per-image.csv", "guidance_scales": [7.5]},
        "augmented": {"builder": "grammar", "base": "more", "grammar": "grammar.yaml", "guidance_scales": [7.5]},
    }
    config["sets"]["Synset-IM"] = {"kind": "image", "dataset": "synset", "guidance_scale": 7.5}
    return config | {"prompt_probes": {"red": PROBE_ENTRY}}


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def every_prompt(dataset, counts=COUNTS, class_ids=range(3)):
    return {(c, split, n): dataset.prompt(c, split, n) for c in class_ids for split in counts for n in range(counts[split])}


@pytest.mark.parametrize("name", BUILT)
def test_a_job_reads_the_prompts_of_the_study(config, name):
    study = load_study(config)
    assert set(BUILT) == set(study.datasets)
    params = write_prompts(study, name).to_params()
    read = WritePrompts.from_params(params).listed.prompts.read(study.config.classes)
    assert every_prompt(read) == every_prompt(study.datasets[name])
    assert len({read.prompt(0, "train", n) for n in range(3)}) == (3 if name in ("per-image", "augmented") else 1)
    assert read.classes == study.classes


@pytest.mark.parametrize("name", ["disamb", "per-image", "augmented"])
def test_a_job_generates_the_images_that_the_study_counts(config, name):
    config["datasets"][name]["images_per_class"] = {"train": 2}
    study = load_study(config)
    (shard,) = list_shards(study).values()
    params = plan_generation(study, GenerationRun(name, 7.5), shard).to_params()
    job = GenerateImages.from_params(params)
    read = job.prompts.read(study.config.classes, job.images_per_class)
    assert read.images_per_class == study.datasets[name].images_per_class == {"train": 2, "evaluation": 2}
    assert read.list_runs() == study.datasets[name].list_runs()
    assert [read.describe_class(n) for n in range(3)] == [study.datasets[name].describe_class(n) for n in range(3)]


EDITS = {  # of a dataset: a file, a text in it, and its replacement
    "class table": ("synset", "classes.csv", "jay, bird", "jay, blue bird"),
    "overrides": ("disamb", "overrides.csv", "a crane bird", "a tall crane bird"),
    "per-class table": ("per-class", "per-class.csv", "a jay", "a blue jay"),
    "table of the base": ("more", "per-class.csv", "a jay", "a blue jay"),
    "per-image table": ("per-image", "per-image.csv", "train 2 of n02", "another"),
    "grammar": ("augmented", "grammar.yaml", "new", "odd"),
    "overrides of the grammar's base": ("augmented", "more.csv", "of steel", "of iron"),
}


@pytest.mark.parametrize(("name", "path", "old", "new"), EDITS.values(), ids=EDITS)
def test_prompts_edited_after_planning_are_refused(config, name, path, old, new):
    prompts = describe_prompts(load_study(config), name)
    text = Path(path).read_text()
    edit(path, old, new)
    with pytest.raises(StudyError, match=EDITED.format(name)):
        prompts.read("classes.csv")
    assert describe_prompts(load_study(config), name).digest != prompts.digest
    Path(path).write_text(text)
    prompts.read("classes.csv")


def test_a_shard_reads_edited_prompts_of_other_classes(config):
    """Only the edited class's images are generated anew."""
    study = load_study(config | {"classes_per_shard": 1})
    first, second, _ = (describe_prompts(study, "disamb", shard) for shard in list_shards(study).values())
    assert (first.class_ids, second.class_ids) == (range(1), range(1, 2))
    edit("overrides.csv", "a crane bird", "a tall crane bird")
    with pytest.raises(StudyError, match=EDITED.format("disamb")):
        first.read("classes.csv")
    assert second.read("classes.csv").prompt(1, "train", 0) == "jay, bird"


def test_only_a_grammar_depends_on_the_seed(config):
    seeds = [describe_prompts(load_study(config), name).seed for name in BUILT]
    assert seeds == [None] * 6 + [5]
    with pytest.raises(StudyError, match=EDITED.format("augmented")):
        describe_prompts(load_study(config), "augmented").model_copy(update={"seed": 6}).read("classes.csv")


def test_a_job_reads_the_prompts_of_a_probe(config):
    study = load_study(config)
    job = GenerateImages.from_params(generate_prompt_probe(study, "red").to_params())
    for read in (job.prompts.read("classes.csv", job.images_per_class), job.prompts.read("classes.csv")):
        assert read.images_per_class == study.prompt_probes["red"].images_per_class == {PROBE: 8}
        assert every_prompt(read, {PROBE: 8}, [1]) == every_prompt(study.prompt_probes["red"], {PROBE: 8}, [1])
        assert [read.prompt(1, PROBE, n) for n in (3, 4)] == ["jay", "a red jay"]
        assert read.repeat == 4


def test_a_probe_whose_class_was_edited_after_planning_is_refused(config):
    prompts = describe_probe(load_study(config), "red")
    other = describe_probe(load_study(config | {"prompt_probes": {"red": PROBE_ENTRY | {"prompts": ["jay"]}}}), "red")
    with pytest.raises(StudyError, match=EDITED.format("red")):
        prompts.model_copy(update={"digest": other.digest}).read("classes.csv")
    edit("classes.csv", "1,n02,jay", "1,n04,jay")
    with pytest.raises(StudyError, match=r"prompt_probes\.red\.class: there is no class with the key 'n02'"):
        prompts.read("classes.csv")


def test_a_class_table_with_fewer_or_reordered_classes_is_refused(config):
    study = load_study(config)
    prompts, probe = describe_prompts(study, "synset"), describe_probe(study, "red")
    Path("classes.csv").write_text("class_id,key,name,lemmas\n0,n02,jay,jay\n1,n01,crane,crane\n")
    for one in (prompts, probe):
        with pytest.raises(StudyError, match=EDITED.format(one.name)):
            one.read("classes.csv")
