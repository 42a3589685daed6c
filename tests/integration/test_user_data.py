"""Small studies of user-provided embeddings, or of natural images alone by several encoders; and rejected input."""

import io
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from browser import read_report
from conftest import make_timm_folder
from small_study import CLASSES, KEYS, list_jobs, make_place, write_split
from workplace import Workplace

from synthdiv.images.index import read_index


def make_own_place(folder, *, shuffled=False):
    """Make a place with only a study name, classes and embedding tables, whose rows may be shuffled."""
    folder.mkdir()
    (folder / "classes.csv").write_text(CLASSES)
    rng = np.random.default_rng(4)
    for set_name in ("one", "two"):
        for split in ("train", "evaluation"):
            ids = np.repeat(np.arange(4), 15)
            rows = rng.normal(size=(60, 12)).astype(np.float32) + 2 * np.eye(12, dtype=np.float32)[ids]
            rows[7] = rows[3]  # a tie
            order = np.random.default_rng(9).permutation(60) if shuffled else np.arange(60)
            table = pl.DataFrame({"class_id": ids[order], "embedding": rows[order].tolist()})
            table.write_parquet(folder / f"{set_name}_{split}.parquet")
    sets = {
        f"{set_name.title()}-IM": {
            "kind": "image",
            "embeddings": {split: f"{set_name}_{split}.parquet" for split in ("train", "evaluation")},
        }
        for set_name in ("one", "two")
    }
    config = {"study": "mine", "classes": "classes.csv", "sets": sets, "published": "diversity_and_diffusion"}
    return Workplace.make(folder, config)


def run_in_both_orders(folder, *names):
    """Return the bytes of the study's tables and of those of a copy with shuffled rows."""
    places = [make_own_place(folder / "first"), make_own_place(folder / "shuffled", shuffled=True)]
    paths = [f"results/mine/tables/{name}.csv" for name in names]
    for place in places:
        place.run(*paths)
    return [[(place.folder / path).read_bytes() for path in paths] for place in places]


def test_the_order_of_user_provided_embeddings_changes_no_byte(tmp_path):
    first, shuffled = run_in_both_orders(tmp_path, "experiments", "set_metrics")
    assert first == shuffled
    assert len(pl.read_csv(io.BytesIO(first[0]))) == 4


@pytest.mark.full
def test_the_order_of_user_provided_embeddings_changes_no_byte_of_any_table(tmp_path):
    names = ["experiments", "centroid_distance", "set_metrics", "embedding_classifiers", "experiment_differences"]
    first, shuffled = run_in_both_orders(tmp_path, *names, "audit", "claims")
    assert first == shuffled


def test_user_provided_embeddings_need_no_model(tmp_path):
    place = make_own_place(tmp_path / "place")
    train, evaluation = (place.folder / f"two_{split}.parquet" for split in ("train", "evaluation"))
    pl.concat([pl.read_parquet(train)[10:13], pl.read_parquet(evaluation)[3:]]).write_parquet(evaluation)  # all of class 0
    done = place.run()
    assert "generate_images" not in done.stdout
    assert "embed_class_texts" not in done.stdout
    tables = place.results / "tables"
    causes = pl.read_csv(tables / "causes.csv")
    assert set(causes["set"]) == {"Two-IM"}  # compared with the first set
    assert causes["retrieval"].null_count() == 4  # no encoder embeds texts
    leakage = pl.read_csv(tables / "leakage.csv").filter(pl.col("n_duplicates") > 0)
    tie = [(name, split, name, split, 2) for name in ("One-IM", "Two-IM") for split in ("evaluation", "train")]
    assert sorted(leakage.select("set", "split", "other_set", "other_split", "n_exact").rows()) == sorted(
        [*tie, ("Two-IM", "evaluation", "Two-IM", "train", 3)]
    )
    pairs = pl.read_parquet(tables / "duplicates.parquet")
    assert pairs["kind"].to_list() == ["exact"] * 11
    assert (
        "evaluation images of Two-IM are also in the training split of Two-IM: 3 with an equal vector"
        in (place.results / "summary.html").read_text()
    )
    place.run("--report", "report.html")
    shown, errors, requests = read_report(place.folder / "report.html")
    assert not errors + requests
    assert shown["1 Summary"]["Summary of the findings"] > 50
    audit, claims = (pl.read_csv(tables / f"{name}.csv", infer_schema_length=None) for name in ("audit", "claims"))
    assert audit.filter(verdict="contradiction")["source"].unique().to_list() == ['"Diversity and Diffusion"']
    assert {"holds", "note"} >= set(audit.filter(source="this study")["verdict"])
    # without generated sets, prompts and classifiers, only neighbours and centroids can be compared
    assert claims.filter(pl.col("verdict") != "not measured")["claim"].str.starts_with("k-NN").to_list() == [True, True]
    assert set(claims.drop_nulls("published")["source"].str.split(",").list.first()) == {'"Diversity and Diffusion"'}


def test_a_user_provided_table_with_a_nan_is_named(tmp_path):
    (tmp_path / "classes.csv").write_text(CLASSES)
    vectors = np.random.default_rng(0).normal(size=(8, 5))
    vectors[3, 2] = np.nan
    table = pl.DataFrame(
        {"class_id": [0, 1, 2, 3] * 2, "split": ["train"] * 4 + ["evaluation"] * 4, "embedding": vectors.tolist()}
    )
    table.write_parquet(tmp_path / "mine.parquet")
    place = Workplace.make(
        tmp_path,
        {"study": "mine", "classes": "classes.csv", "sets": {"Mine-IM": {"kind": "image", "embeddings": "mine.parquet"}}},
    )
    done = place.run(check=False)
    assert done.returncode != 0
    assert "error: mine.parquet, row 3: the embedding holds a value that is not finite" in done.stdout
    assert Path(tmp_path / "mine.parquet").exists()


def test_a_bad_image_is_named_before_anything_is_embedded(tmp_path):
    place = make_place(tmp_path)
    bad = place.folder / "natural" / "train" / "bag" / "broken.png"
    bad.write_bytes(b"\x89PNG not really")
    done = place.run("results/small/images/natural/Natural-IM.parquet", check=False)
    assert done.returncode != 0
    message = r"error: 1 of 25 images do not decode\. Repair or remove them, .*\n  natural/train/bag/broken\.png \("
    assert re.search(message, done.stdout)
    assert "Traceback" not in done.stdout
    place.config["on_undecodable"] = "flag"
    place.write_config()
    place.run("results/small/images/natural/Natural-IM.parquet")
    rows = read_index(place.results / "images" / "natural" / "Natural-IM.parquet").to_pylist()
    assert [row["file"] for row in rows if row["flags"] == ["undecodable"]] == ["natural/train/bag/broken.png"]


def make_encoders_place(tmp_path):
    """Make a place with two natural sets and two encoders (open_clip and timm), but no generator and no prompts."""
    make_timm_folder(tmp_path / "resnet")
    natural = "resources/demo/natural"
    sources = {
        "Fashion-IM": {split: f"{natural}/fashion-{split}.parquet" for split in ("train", "evaluation")},
        "Studio-IM": {split: f"{natural}/studio-{split}-images-idx3-ubyte.gz" for split in ("train", "evaluation")},
    }
    counts = {"train": 16, "evaluation": 8}
    encoders = {"clip": {"model": "resources/demo/models/clip"}, "resnet": {"library": "timm", "model": "resnet"}}
    config = {
        "study": "two",
        "classes": "resources/prompts/fashion/classes.csv",
        "encoders": encoders,
        "sets": {name: {"kind": "image", "images": images, "images_per_class": counts} for name, images in sources.items()},
    }
    return Workplace.make(tmp_path, config)


def test_every_table_exists_for_every_encoder(tmp_path):
    place = make_encoders_place(tmp_path)
    encoders, sets = place.config["encoders"], place.config["sets"]
    tables = place.results / "tables"
    names = ("experiments_by_encoder", "set_metrics", "embedding_classifiers", "encoder_agreement")
    planned = place.plan().stdout
    assert "Nothing to be done" not in planned
    figures = ("experiments", "centroid_distance", "error_split", "contact_sheet")
    assert {f"Plot the figure {name}" for name in figures} <= set(list_jobs(planned))
    place.run(*(f"results/two/tables/{name}.csv" for name in names))
    matrix = pl.read_csv(tables / "experiments_by_encoder.csv")
    assert matrix.select("encoder", "experiment").rows() == [(name, n) for name in encoders for n in (1, 2, 3, 4)]
    assert matrix["n_queries"].to_list() == [80] * 8
    metrics = pl.read_csv(tables / "set_metrics.csv")
    expected = {"frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "separable"}
    for encoder in encoders:
        own = metrics.filter(encoder=encoder)
        assert expected <= set(own.filter(set="Studio-IM", reference="Fashion-IM")["metric"])
        assert set(own.filter(metric="vendi_score")["set"]) == set(sets)
    classifiers = pl.read_csv(tables / "embedding_classifiers.csv")
    names = {"knn1", "knn50", "lda", "gaussian_mixture", "kernel_density", "logistic_regression"}
    for encoder in encoders:
        assert names <= set(classifiers.filter(encoder=encoder)["classifier"])
    agreement = pl.read_csv(tables / "encoder_agreement.csv")
    assert agreement.select("encoder", "other_encoder").unique().rows() == [("clip", "resnet")]
    assert {"centroid_accuracy", "centroid_distance", "vendi_score"} <= set(agreement["metric"])


@pytest.mark.full
def test_every_figure_and_page_exists_with_two_encoders(tmp_path):
    """Smaller test: the finished study, with one encoder."""
    place = make_encoders_place(tmp_path)
    place.run()
    assert "Nothing to be done" in place.plan().stdout
    figures = {path.stem for path in (place.results / "figures").iterdir()}
    assert {"experiments", "centroid_distance", "error_split", "contact_sheet"} <= figures


def make_trained_elsewhere(folder, accuracies):
    """Make a place with folders of images, two of them generated elsewhere, and a table of predictions of each."""
    folder.mkdir()
    (folder / "classes.csv").write_text(CLASSES)
    for n, name in enumerate(("photos", "plain", "lower")):
        write_split(folder / name / "train", "train", range(5 * n, 5 * n + 5))
        write_split(folder / name / "val", "evaluation", range(5 * n, 5 * n + 5))
    rng = np.random.default_rng(0)
    rows = [
        (name, seed, f"{key}/{n}.png", key, key if rng.random() < share else KEYS[number - 1])
        for name, share in accuracies.items()
        for seed in (1, 2)
        for number, key in enumerate(KEYS)
        for n in range(30)
    ]
    table = pl.DataFrame(rows, schema=["train_set", "seed", "image", "class", "predicted"], orient="row")
    table.write_csv(folder / "predictions.csv")
    sets = {
        f"{name.title()}-IM": {"kind": "image", "images": {"train": f"{name}/train", "evaluation": f"{name}/val"}}
        for name in ("photos", "plain", "lower")
    }
    sets["Plain-IM"]["settings"] = {"generator": "mine", "cfg": 7.5}
    sets["Lower-IM"]["settings"] = {"generator": "mine", "cfg": 2.5}
    trained = {"file": "predictions.csv", "train": list(sets), "evaluate": ["Photos-IM"]}
    config = {"study": "mine", "classes": "classes.csv", "sets": sets, "predictions": {"resnet50": trained}}
    config["encoders"] = {"clip": {"model": "resources/demo/models/clip"}}
    return Workplace.make(folder, config)


def test_folders_of_images_and_a_table_of_predictions_give_an_account(tmp_path):
    """Without a generator, a training and an embedding."""
    place = make_trained_elsewhere(tmp_path / "mine", {"Photos-IM": 0.9, "Plain-IM": 0.2, "Lower-IM": 0.7})
    tables = place.results / "tables"
    done = place.run(*(f"results/mine/tables/{name}.csv" for name in ("accounts", "interventions", "classifier_means")))
    jobs = [job for job in list_jobs(done.stdout) if "Photos-IM" not in job]
    assert jobs == [
        "Account for the shortfall of each training set",
        "Choose the best training sets",
        "Import the predictions of resnet50, trained on Lower-IM",
        "Import the predictions of resnet50, trained on Plain-IM",
        "Measure what each intervention gains",
        "Tabulate the classifiers",
    ]
    selection = pl.read_csv(tables / "selection.csv")
    assert selection.select("train_set", "n_images", "best").rows() == [("Plain-IM", 12, False), ("Lower-IM", 12, True)]
    means = pl.read_csv(tables / "classifier_means.csv")
    assert means["n_evaluation"].to_list() == [108] * 3  # without the images that choose
    assert means["top5"].is_null().all()
    top1 = dict(means.select("train_set", "top1").rows())
    assert top1["Plain-IM"] < 0.4 < top1["Lower-IM"] < top1["Photos-IM"]
    (gain,) = pl.read_csv(tables / "interventions.csv").to_dicts()
    assert (gain["setting"], gain["before"], gain["after"]) == ("setting cfg", 7.5, 2.5)
    assert gain["gain"] == pytest.approx(top1["Lower-IM"] - top1["Plain-IM"])
    accounts = pl.read_csv(tables / "accounts.csv").filter(train_set="Plain-IM")
    assert accounts["kind"].to_list() == ["total", "not priced", "intervention"]
    assert accounts["gain"].to_list() == pytest.approx(
        [top1["Plain-IM"] - top1["Photos-IM"], top1["Lower-IM"] - top1["Photos-IM"], -gain["gain"]]
    )
    wrong = (place.folder / "predictions.csv").read_text().replace("bag/3.png,bag,bag", "bag/3.png,bag,sack", 1)
    (place.folder / "predictions.csv").write_text(wrong)
    failed = place.run("results/mine/tables/accounts.csv", check=False).stdout
    assert "predictions.csv: 'sack' is not the key of a class of the study, such as 'tshirt'" in failed
