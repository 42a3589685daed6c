"""The grid: the paper's counts for its own study, and what an edit would regenerate, found from existing files."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from standin import FINGERPRINT, generate_run, make_config
from workplace import REPOSITORY

from synthdiv.config.sets import EmbeddingClassifiers
from synthdiv.core.errors import StudyError
from synthdiv.core.files import write_json
from synthdiv.diagnosis.suspicions import SCHEMA as SUSPICIONS
from synthdiv.images.index import read_index
from synthdiv.operations.embedding_costs import guess_seconds, tabulate_embedding_classifiers
from synthdiv.operations.generation_progress import GenerationProgress
from synthdiv.operations.grid import (
    tabulate_classifiers,
    tabulate_embeddings,
    tabulate_generation,
    tabulate_rungs,
    tabulate_tests,
)
from synthdiv.operations.rates import Rates
from synthdiv.plan.experiments import list_experiments
from synthdiv.plan.generation import find_run, list_generation_runs, list_shards
from synthdiv.plan.loading import load_study


@pytest.fixture(scope="module")
def imagenet():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        yield load_study(yaml.safe_load((REPOSITORY / "config" / "imagenet.yaml").read_text()))


def tabulate_images(study, results):
    return tabulate_generation(study, GenerationProgress(study, results), Rates(study, results))


def test_the_imagenet_study_has_the_papers_counts(imagenet, tmp_path):
    rows = {(row["dataset"], row["guidance_scale"]): row for row in tabulate_images(imagenet, tmp_path).to_dicts()}
    counts = {at: (row["images"], row["reused"], row["to_generate"]) for at, row in rows.items() if at[0] != "sweep"}
    assert counts == {
        ("synset", "7.5"): (1_250_000, 0, 1_250_000),
        ("disamb", "7.5"): (1_250_000, 1_118_750, 131_250),  # 105 classes
        ("disamb", "2.5"): (1_250_000, 0, 1_250_000),
        ("disamb", "1"): (1_250_000, 0, 1_250_000),
        ("promptaug", "2.5"): (1_250_000, 0, 1_250_000),
        ("prompt_probes/school-bus", "2.5"): (4_800, 0, 4_800),  # four prompts, Figure 9
    }
    assert rows["prompt_probes/school-bus", "2.5"]["new_files"] == 4 * 24
    assert rows["synset", "7.5"]["new_files"] == 25_000
    assert len(list_experiments(imagenet)) == 36


def test_the_rungs_of_a_ladder_and_their_trainings_are_priced(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load((REPOSITORY / "config" / "imagenet.yaml").read_text())
    config["mixtures"] = {"ImageNet-1200": {"parts": [{"set": "ImageNet-IM", "images_per_class": 1200}]}}
    config["classifiers"]["resnetrs152"]["train"].append("ImageNet-1200")
    study = load_study(config | {"ladder": {"set": "Disamb-IM"}})
    write_json(
        {"device": "a GPU", "generators": {"sd15": {"images_per_s": 2.0, "images_per_s_unguided": 4.0}}},
        tmp_path / "calibration.json",
    )
    rates = Rates(study, tmp_path)
    rungs = {row["rung"]: row for row in tabulate_rungs(study, tmp_path, rates, ()).to_dicts()}
    assert {(row["images"], row["shards"], row["done"]) for row in rungs.values()} == {(1_200_000, 100, 0)}
    hours = [round(share * 1_200_000 / 4 / 3600, 1) for share in (0, 0, 0.25, 0.5, 0.75, 1)]
    assert [row["hours"] for row in rungs.values()] == hours
    trained = {
        (row["classifier"], row["trained_on"]): row for row in tabulate_classifiers(study, tmp_path, rates, ()).to_dicts()
    }
    rung, whole = trained["resnetrs152", "ladder-vae"], trained["resnetrs152", "Disamb-IM"]
    assert (rung["trainings"], rung["hours"]) == (whole["trainings"], whole["hours"])
    assert not len(tabulate_rungs(load_study(config), tmp_path, rates, ()))


def test_the_tests_of_suspicions_are_priced(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    study = load_study(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()))
    assert len(tabulate_tests(study, tmp_path, Rates(study, tmp_path))) == 0
    write_json(
        {"device": "a GPU", "generators": {"tiny-sd": {"images_per_s": 2.0, "images_per_s_unguided": 4.0}}}
        | {"classifiers": {"small": {"images_per_s": 10.0}}},
        tmp_path / "calibration.json",
    )
    unnamed = dict.fromkeys(SUSPICIONS)
    rows = [
        unnamed | {"set": "Disamb-IM", "cause": "adherence", "test": "raise", "n_images": 72_000},
        unnamed | {"set": "Synset-IM", "cause": "ambiguity", "test": "clarify", "n_images": 7_200},
        unnamed | {"set": "Synset-IM", "cause": "ambiguity", "test": "clarify", "n_images": 7_200, "classifier": "other"},
        unnamed | {"set": "Synset-IM", "cause": "diversity", "tested_by": "Disamb-IM", "n_images": 5},
        unnamed | {"set": "Gone-IM", "cause": "diversity", "test": "lower", "n_images": 5},
        unnamed | {"set": "Disamb-IM", "cause": "visual domain", "test": "use a LoRA"},
    ]
    (tmp_path / "tables").mkdir()
    pl.DataFrame(rows, schema=SUSPICIONS).write_csv(tmp_path / "tables" / "suspicions.csv")
    found = tabulate_tests(study, tmp_path, Rates(study, tmp_path)).to_dicts()
    epochs, each = study.recipes["small"].epochs, study.datasets["disamb"].images_per_class["train"]
    of_training = 3 * epochs * 10 * each / 10 / 3600
    assert [(row["set"], row["images"], row["trainings"]) for row in found] == [
        ("Synset-IM", 7_200, 3),
        ("Disamb-IM", 72_000, 3),
    ]
    assert [row["hours"] for row in found] == [round(1 + of_training, 1), round(10 + of_training, 1)]


def test_suspicions_without_a_number_of_images_propose_nothing_to_price(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    study = load_study(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()))
    row = dict.fromkeys(SUSPICIONS) | {"set": "Disamb-IM", "cause": "visual domain", "test": "use a LoRA"}
    (tmp_path / "tables").mkdir()
    for rows in ([], [row]):
        pl.DataFrame(rows, schema=SUSPICIONS).write_csv(tmp_path / "tables" / "suspicions.csv")
        assert len(tabulate_tests(study, tmp_path, Rates(study, tmp_path))) == 0


def test_hours_are_a_guess_without_a_calibration(imagenet, tmp_path):
    assert "GUESS" in Rates(imagenet, tmp_path).describe()
    rates = {"images_per_s": 2.0, "images_per_s_unguided": 4.0}
    write_json({"device": "a GPU", "generators": {"sd15": rates}}, tmp_path / "calibration.json")
    assert Rates(imagenet, tmp_path).describe() == "Hours are for one device, as measured on a GPU (target calibrate)."
    hours = tabulate_images(imagenet, tmp_path)["hours"]
    assert hours[1] == round(131_250 / 2 / 3600, 1)
    assert hours[3] == round(1_250_000 / 4 / 3600, 1)  # at guidance scale 1


def test_a_training_on_some_classes_of_each_part_costs_the_same_as_one_on_a_whole_set(tmp_path, monkeypatch):
    """At an image per hour: 3 seeds x 14 epochs x 1,000 images, from any sets."""
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    keys = [row.key for row in load_study(config).classes]
    parts = [{"set": "Disamb-IM", "classes": keys[:4]}, {"set": "Synset-IM", "classes": keys[4:]}]
    config["mixtures"] = {"Clarified": {"parts": parts}}
    config["classifiers"]["small"]["train"] = ["Synset-IM", "Clarified"]
    study = load_study(config)
    rates = {"small": {"images_per_s": 1 / 3600}}
    write_json({"device": "a CPU", "classifiers": rates}, tmp_path / "calibration.json")
    trainings = tabulate_classifiers(study, tmp_path, Rates(study, tmp_path), ())
    assert trainings["hours"].to_list() == pytest.approx([3 * 14 * 1000] * 2)


@pytest.mark.parametrize("damage", [("2.0", "9.0"), ("generators", "generatorr"), ("{", ""), ("GPU", "\x00")])
def test_a_damaged_calibration_is_named(imagenet, tmp_path, damage):
    path = tmp_path / "calibration.json"
    write_json({"device": "a GPU", "generators": {"sd15": {"images_per_s": 2.0, "images_per_s_unguided": 4.0}}}, path)
    path.write_text(path.read_text().replace(*damage, 1))
    with pytest.raises(
        StudyError, match=rf"the calibration {path} is damaged: delete it; target calibrate measures it again"
    ):
        Rates(imagenet, tmp_path).describe()


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = {"Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5}}
    return make_config(tmp_path, classes_csv, images_per_class={"train": 60, "evaluation": 10}, sets=sets)


def generate_all(config):
    study = load_study(config)
    write_json(FINGERPRINT, "results/generators/gen.json")
    for run in list_generation_runs(study):
        for shard in list_shards(study).values():
            path = Path("results/images") / run.collection / f"{shard.name}.parquet"
            generate_run(study, run, shard, path)


def read_grid(config, planned=()):
    study = load_study(config)
    progress = GenerationProgress(study, "results", planned)
    table = tabulate_generation(study, progress, Rates(study, "results"))
    return table.select("done", "reused", "to_generate").rows(), progress.list_reasons()


def test_planned_done_and_reused_images(config):
    planned, reasons = read_grid(config)
    assert planned == [(0, 0, 210), (0, 140, 70)]
    assert reasons == ["synset/g7.5: 3 classes not generated yet", "disamb/g7.5: 1 classes not generated yet"]
    generate_all(config)
    assert read_grid(config) == ([(210, 0, 0), (210, 0, 0)], [])


def test_finished_work_takes_no_more_hours(config, tmp_path):
    """At an image per hour: an edited prompt's 70 images, two of three shards of 70, two of three trainings on 3 x 60."""
    config |= {"classes_per_shard": 1}
    recipe = {"model": "resnet18", "epochs": 1, "batch_size": 8}
    training = {"train": ["Synset-IM"], "evaluate": ["Synset-IM"], "seeds": [1, 2, 3]}
    config["classifiers"] = {"small": {"recipe": recipe} | training}
    generate_all(config)
    (tmp_path / "overrides.csv").write_text("key,prompt\nn01,a tall crane bird\n")
    for path in ("embeddings/clip/synset/g7.5/c1-1.parquet", "classifiers/small/Synset-IM/seed2/model.safetensors"):
        (Path("results") / path).parent.mkdir(parents=True)
        (Path("results") / path).touch()
    rate = {"images_per_s": 1 / 3600}
    rates = {"generators": {"gen": rate}, "encoders": {"clip": rate}, "classifiers": {"small": rate}}
    write_json({"device": "a CPU"} | rates, "results/calibration.json")
    study, results = load_study(config), Path("results")
    rates = Rates(study, results)
    assert tabulate_images(study, results)["hours"].to_list() == [0, 70]
    embeddings = tabulate_embeddings(study, results, rates, ())
    assert embeddings.select("tables", "done", "images", "hours").rows() == [(3, 1, 210, 140)]
    assert tabulate_classifiers(study, results, rates, ()).select("trainings", "done", "hours").rows() == [(3, 1, 2 * 180)]
    planned = {"results/embeddings/clip/synset/g7.5/c1-1.parquet", "results/classifiers/small/Synset-IM/weights_2.json"}
    assert tabulate_embeddings(study, results, rates, planned)["done"].to_list() == [0]
    assert tabulate_classifiers(study, results, rates, planned).select("done", "hours").rows() == [(0, 3 * 180)]
    another = {"results/classifiers/small/Synset-IM/weights_1.json"}
    assert tabulate_classifiers(study, results, rates, another)["done"].to_list() == [1]


def test_images_that_snakemake_plans_again_are_done_if_the_archive_has_them(config):
    generate_all(config)
    index = "results/images/synset/g7.5/c0-2.parquet"
    assert read_grid(config, {index}) == ([(210, 0, 0), (210, 0, 0)], [])
    Path(read_index(index)["file"][0].as_py()).unlink()
    (counts, *_), reasons = read_grid(config, {index})
    assert counts[2] > 0
    assert "synset/g7.5: 1 classes not in the archive, and the job runs again" in reasons


def test_no_image_is_done_while_its_generator_must_be_read_again(config):
    generate_all(config)
    counts, reasons = read_grid(config, {"results/generators/gen.json"})
    assert counts == [(0, 0, 210), (0, 140, 70)]
    assert reasons[0] == "synset/g7.5: 3 classes the generator's files have changed, and perhaps its images"


def test_a_damaged_fingerprint_does_not_plan_all_images_again(config):
    generate_all(config)
    path = Path("results/generators/gen.json")
    path.write_text(path.read_text().replace("Standin", "Standim"))
    with pytest.raises(StudyError, match=r"the generator's fingerprint results/generators/gen.json is damaged: delete it"):
        read_grid(config)


def test_an_edited_prompt_is_named_with_its_earlier_text(config, tmp_path):
    generate_all(config)
    (tmp_path / "overrides.csv").write_text("key,prompt\nn01,a tall crane bird\n")
    counts, reasons = read_grid(config)
    assert counts == [(210, 0, 0), (140, 0, 70)]
    assert len(reasons) == 1
    assert reasons[0].startswith("disamb/g7.5: prompt edited: n01 ")
    assert reasons[0].endswith(": 'a crane bird' is now 'a tall crane bird'")


def test_a_probe_is_counted_prompt_by_prompt(config):
    probe = {"class": "n02", "prompts": ["jay", "red jay"], "guidance_scale": 7.5, "images": 60, "reference": "Synset-IM"}
    config["prompt_probes"] = {"jays": probe}
    assert read_grid(config)[0][2] == (0, 0, 120)
    generate_all(config)
    study = load_study(config)
    run, shard = find_run(study, {"probe": "jays"})
    path = Path("results/images/prompt_probes/jays.parquet")
    generate_run(study, run, shard, path)
    assert read_grid(config) == ([(210, 0, 0), (210, 0, 0), (120, 0, 0)], [])
    probe["prompts"] = ["a jay", "red jay"]
    counts, reasons = read_grid(config)
    assert counts[2] == (60, 0, 60)
    assert reasons == ["prompt_probes/jays: prompt edited: n02 jay"]


@pytest.mark.parametrize(
    ("change", "counts", "reason"),
    [
        ({"images_per_class": {"train": 60, "evaluation": 20}}, [(180, 0, 60), (60, 160, 20)], "another number of images"),
        ({"seed": 7}, [(0, 0, 210), (0, 140, 70)], "another seed or noise"),
        ({"image_format": {"format": "jpeg"}}, [(0, 0, 210), (0, 140, 70)], "another generator or image format"),
    ],
)
def test_changes_of_every_image_are_named(config, change, counts, reason):
    generate_all(config)
    found, reasons = read_grid(config | change)
    assert found == counts
    assert reasons == [f"synset/g7.5: 3 classes {reason}", f"disamb/g7.5: 1 classes {reason}"]


def test_images_of_a_lost_index_are_found_in_the_archive(config, tmp_path):
    generate_all(config)
    (tmp_path / "results" / "images" / "synset" / "g7.5" / "c0-2.parquet").unlink()
    assert read_grid(config) == ([(210, 0, 0), (210, 0, 0)], [])


def test_the_cost_of_classifiers_on_embeddings(imagenet, tmp_path):
    """Natural images are not counted yet; prompts and generated images are. What is done costs nothing more."""
    table = tabulate_embedding_classifiers(imagenet, tmp_path, ())
    rows = {row["reference"]: row for row in table.to_dicts()}
    assert rows["ImageNet-IM"]["vectors"] is rows["ImageNet-IM"]["core_hours"] is None
    assert rows["Disamb-IM"]["vectors"] == 1_200_000
    assert rows["Disamb2.5-PRMT"]["vectors"] == 1000
    options = EmbeddingClassifiers()
    small, large = (guess_seconds(options, 1200 * n, 50 * n, n) for n in (1000, 2000))
    assert small < large < 4 * small
    assert guess_seconds(options, 60_000, 40_000, 1000) == pytest.approx(333, rel=0.5)  # measured
    path = tmp_path / "classifications" / table["encoder"][0] / "Disamb-IM.parquet"
    path.parent.mkdir(parents=True)
    path.touch()
    assert tabulate_embedding_classifiers(imagenet, tmp_path, ()).filter(reference="Disamb-IM")["done"].item() == "✓"
    assert tabulate_embedding_classifiers(imagenet, tmp_path, {str(path)}).filter(reference="Disamb-IM")["done"].item() == ""
