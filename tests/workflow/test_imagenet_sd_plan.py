"""Plan the study of the ImageNet-SD clones: all jobs, and the images that ImageNet-100 and full ImageNet share."""

import re

import pytest
import yaml
from fake_imagenet import make_variants
from workplace import REPOSITORY, Workplace

from synthdiv.generation.shards import iter_blocks
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import find_prompts, list_run_indices
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun

JOBS = {
    "imagenet_sd": {
        "fingerprint_generator": 1,
        "index_images": 16,  # ImageNet and its selection split, four sets to evaluate on, ten transfer sets
        "generate_images": 160,  # 8 generation runs in 20 shards
        "embed_images": 180,  # and ImageNet's
        "try_recipe": 2,
        "train_classifier": 15,
        "evaluate_classifier": 15,
        "compare_published": 1,
        "extract_features": 165,  # 15 trained classifiers, ten transfer sets and ImageNet
        "classify_transfer": 160,  # and the encoder's embeddings
    },
    "imagenet_sd_1k": {"generate_images": 300, "embed_images": 400, "train_classifier": 4, "evaluate_classifier": 4},
}
FINGERPRINT = {"pipeline": "StableDiffusionPipeline", "digest": "0" * 64}


def read_config(name):
    return yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make a fake ImageNet and its distribution-shifted variants, with their class folders."""
    folder = tmp_path_factory.mktemp("imagenet")
    make_variants(folder)
    return folder


def list_blocks(study, run, class_ids):
    """List the blocks of some classes of a generation run."""
    shards = list_run_indices(study, run).values()
    job = plan_generation(study, run, next(iter(shards)))
    return list(iter_blocks(job, find_prompts(study, run), class_ids, FINGERPRINT))


@pytest.mark.parametrize("name", JOBS)
def test_the_whole_study_is_planned(folder, tmp_path, name):
    for part in folder.iterdir():
        (tmp_path / part.name).symlink_to(part)
    place = Workplace.make(tmp_path, read_config(name))
    for part in ("recipes", "paper"):
        (tmp_path / "resources" / part).symlink_to(REPOSITORY / "resources" / part)
    plan = place.plan("--quiet", "rules", profile="slurm").stdout
    counts = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", plan, flags=re.MULTILINE)}
    assert {rule: counts[rule] for rule in JOBS[name]} == JOBS[name]


def test_imagenet_100_reuses_the_images_of_full_imagenet(monkeypatch):
    """A class's blocks have the same names, though its class_id differs; the 50 times larger set starts with them."""
    monkeypatch.chdir(REPOSITORY)
    few, all_classes = (load_study(read_config(name)) for name in JOBS)
    key = few.classes[40].key
    class_ids = [next(row.class_id for row in study.classes if row.key == key) for study in (few, all_classes)]
    assert class_ids[0] != class_ids[1]

    def list_paths(study, run, class_id):
        return [block.path for block in list_blocks(study, run, [class_id])]

    for run in (GenerationRun("c_d", 7.5), GenerationRun("c_d", 2.0), GenerationRun("inside", 7.5)):
        mine, theirs = (list_paths(study, run, one) for study, one in zip((few, all_classes), class_ids, strict=True))
        assert mine == theirs
    whole = set(list_paths(few, GenerationRun("scaled", 2.0), class_ids[0]))
    assert set(list_paths(few, GenerationRun("inside", 2.0), class_ids[0])) <= whole
    assert len(whole) == 65000 // 50 + 1


def test_no_image_of_the_first_study_is_generated_again(monkeypatch):
    """The two demos share a generator: the second reuses the first's images of the same prompts."""
    monkeypatch.chdir(REPOSITORY)
    first, second = load_study(read_config("config")), load_study(read_config("demo_sd"))
    runs = ((first, GenerationRun("synset", 7.5)), (second, GenerationRun("c", 7.5)))
    generated, requested = ({name for block in list_blocks(*run, range(10)) for name in block.names} for run in runs)
    assert requested < generated
    assert len(requested) == 10 * (100 + 25)


def test_the_second_demo_is_planned(tmp_path):
    place = Workplace.make(tmp_path, read_config("demo_sd"))
    plan = place.plan().stdout
    counts = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", plan, flags=re.MULTILINE)}
    expected = {"generate_images": 7, "check_claims": 1}
    assert {rule: counts[rule] for rule in expected} == expected
    for figure in ("transfer", "features", "tradeoff"):
        assert len(re.findall(rf"Plot the figure {figure}$", plan, flags=re.MULTILINE)) == 1, figure
