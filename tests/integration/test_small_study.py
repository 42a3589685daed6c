"""A small study, run for real by Snakemake on the demo's models: complete, incremental, interrupted, and brought along."""

import io
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
from browser import PHONE, close_menu, open_page, read_part, read_report, wait_for, wait_until
from conftest import make_timm_folder
from PIL import Image
from small_study import CLASSES, OVERRIDES, contents, counts_of, drawn, make_place
from workplace import Workplace

from synthdiv.drawing import redraw_image
from synthdiv.image_index import read_index


def jobs(output):
    return sorted(re.findall(r"^(?:local)?(?:Job|job) \d+: (.*)$", output, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The small study, run once; the tests below go on with it in their order."""
    place = make_place(tmp_path_factory.mktemp("small"))
    place.run()
    return place


@pytest.fixture(autouse=True)
def _in_place(request, monkeypatch):
    if "place" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("place").folder)  # an index names its files relative to it


def test_the_tables(place):
    tables = place.results / "tables"
    matrix = pl.read_csv(tables / "experiments.csv")
    assert matrix.columns[:4] == ["experiment", "reference", "query", "n_queries"]
    assert matrix["experiment"].to_list() == list(range(1, 13))
    assert matrix["n_queries"].to_list() == [16] * 9 + [4] * 3
    assert matrix["knn1_accuracy"].is_null().to_list() == [False] * 9 + [True] * 3
    last = matrix.row(11, named=True)
    assert (last["reference"], last["query"]) == ("Disamb2.5-PRMT", "Disamb2.5-PRMT")
    assert last["centroid_accuracy"] == 1.0
    assert last["mean_cosine"] == pytest.approx(1.0, abs=1e-12)
    distance = pl.read_csv(tables / "centroid_distance.csv")
    assert distance.columns[:5] == ["set", "split", "centroid_distance", "n_classes", "n_images"]
    assert (distance["centroid_distance_low"] < distance["centroid_distance"]).all()
    assert distance.select("split", "n_images").unique().sort("split").rows() == [("evaluation", 16), ("train", 24)]
    per_class = pl.read_parquet(tables / "per_class.parquet")
    assert len(per_class) == 12 * 4
    flags = pl.read_csv(tables / "flags.csv")
    assert flags["n_images"].sum() == 5 * 40
    audit = pl.read_csv(tables / "audit.csv")
    assert audit["source"].unique().to_list() == ["this study"]
    assert "contradiction" not in audit["verdict"]
    claims = pl.read_csv(tables / "claims.csv", infer_schema_length=None)
    compared = claims.filter(pl.col("figure").str.starts_with("Centroid Distance"))["figure"].to_list()
    assert "Centroid Distance: Disamb2.5-IM less Disamb-IM; paired by class" in compared
    assert claims["published"].is_null().all()
    for figure in ("contact_sheet", "experiments", "centroid_distance"):
        with Image.open(place.results / "figures" / f"{figure}.png") as image:
            assert min(image.size) > 200


def test_the_matrix_follows_from_the_embedding_tables(place):
    """One cell again, by plain NumPy from the tables on disk."""

    def read(collection, split):
        tables = [
            pl.read_parquet(path) for path in sorted((place.results / "embeddings" / "clip" / collection).glob("*.parquet"))
        ]
        table = pl.concat(tables).filter(pl.col("split") == split)
        return table["class_id"].to_numpy(), np.array(table["embedding"].to_list(), dtype=np.float64)

    classes, reference = read("disamb/g2.5", "train")
    truth, query = read("natural/Natural-IM", "evaluation")
    centroids = np.stack([reference[classes == c].sum(0) for c in range(4)])
    cosines = query @ centroids.T / np.linalg.norm(query, axis=1)[:, None] / np.linalg.norm(centroids, axis=1)
    row = pl.read_csv(place.results / "tables" / "experiments.csv").filter(
        (pl.col("reference") == "Disamb2.5-IM") & (pl.col("query") == "Natural-IM")
    )
    assert row["centroid_accuracy"][0] == (cosines.argmax(1) == truth).mean()
    assert row["mean_cosine"][0] == pytest.approx(cosines[np.arange(16), truth].mean(), rel=1e-12)
    near = np.argsort(-query @ (reference / np.linalg.norm(reference, axis=1, keepdims=True)).T, axis=1)[:, :5]
    votes = [
        max(listed, key=lambda c, listed=listed: (listed.count(c), -listed.index(c))) for listed in classes[near].tolist()
    ]
    assert row["knn1_accuracy"][0] == (classes[near[:, 0]] == truth).mean()
    assert row["knn5_accuracy"][0] == (votes == truth).mean()


def test_the_other_tables(place):
    tables = place.results / "tables"
    metrics = pl.read_csv(tables / "set_metrics.csv")
    compared = metrics.filter(pl.col("reference").is_not_null())
    assert set(compared["reference"]) == {"Natural-IM"}
    assert set(compared["set"]) == set(place.config["sets"]) - {"Natural-IM"}
    assert set(compared["images_per_class"]) == {6}
    classifiers = pl.read_csv(tables / "embedding_classifiers.csv")
    assert len(classifiers.filter(classifier="logistic_regression")) == 12
    summary = pl.read_csv(tables / "matrix_summary.csv")
    assert summary["n_experiments"].to_list()[:2] == [12, 9]
    differences = pl.read_csv(tables / "experiment_differences.csv")
    assert len(differences.filter(figure="mean_cosine")) == 12 * 11 / 2
    by_encoder = pl.read_csv(tables / "experiments_by_encoder.csv")
    assert by_encoder.drop("encoder").equals(pl.read_csv(tables / "experiments.csv"))


def test_the_report_in_a_browser(place):
    place.run("--report", "report.html")
    shown, errors, requests = read_report(place.folder / "report.html")
    assert not errors
    assert not requests
    assert [part[0] for part in shown] == sorted(part[0] for part in shown)
    results = {label for part in shown.values() for label in part}
    assert {
        "The study in words",
        "Causes by class",
        "Diversity against centroid-shift",
        "Reference x query matrix",
        "Tables to browse",
    } <= results
    assert {"3 Matrix", "5 Classes", "9 Claims, audit, cost"} <= {
        part for part, labels in shown.items() if "Tables to browse" in labels
    }
    assert all(size > 50 for part in shown.values() for size in part.values())
    with open_page(place.folder / "report.html", PHONE) as driver:
        read_part(driver, "2 Images")
        close_menu(driver)
        (figure,) = wait_for(driver, "div.p-3 > img")
        wait_until(driver, lambda: figure.size["width"] > 300)  # the menu takes a moment to go
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    with open_page(place.results / "summary.html", PHONE) as driver:
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_the_sweep_and_the_grammar(place):
    """The sweep's figures are those of the matrix and of the set metrics, where these have them."""
    tables = place.results / "tables"
    guidance = pl.read_csv(tables / "guidance.csv")
    assert guidance["guidance_scale"].to_list() == [2.5] * 5 + [7.5] * 5 + [None] * 5
    assert set(guidance["guidance"]) == {"classifier-free"}
    cells = {
        (row["reference"], row["query"]): row["centroid_accuracy"]
        for row in pl.read_csv(tables / "experiments.csv").iter_rows(named=True)
    }
    found = {(row["set"], row["figure"]): row["value"] for row in guidance.iter_rows(named=True)}
    assert found["Disamb2.5-IM", "natural_query_accuracy"] == cells["Disamb2.5-IM", "Natural-IM"]
    assert found["Disamb-IM", "natural_reference_accuracy"] == cells["Natural-IM", "Disamb-IM"]
    assert found["Disamb-IM", "prompt_accuracy"] == cells["Disamb2.5-PRMT", "Disamb-IM"]
    distances = pl.read_csv(tables / "centroid_distance.csv").filter(split="train")
    for name, distance in distances.select("set", "centroid_distance").iter_rows():
        if (name, "centroid_distance") in found:
            assert found[name, "centroid_distance"] == pytest.approx(distance, rel=1e-12)
    per_class = pl.read_parquet(tables / "guidance_per_class.parquet")
    assert len(per_class) == 4 * len(guidance)
    choice = pl.read_csv(tables / "guidance_choice.csv")
    assert choice.group_by("figure", maintain_order=True).len()["len"].to_list() == [5] * 5
    assert set(choice["best_guidance_scale"]) <= {2.5, 7.5}
    adherence = pl.read_csv(tables / "adherence.csv").filter(value="all")
    assert adherence["set"].unique().to_list() == ["PromptAug-IM"]
    assert adherence["modifier"].n_unique() == 7
    assert adherence["n_images"].to_list() == [16, 4, 4, 4, 4] * 7
    for figure in ("guidance", "adherence"):
        with Image.open(place.results / "figures" / f"{figure}.png") as image:
            assert min(image.size) > 200


def test_what_two_datasets_share_is_drawn_once(place):
    assert drawn(place) == {
        "synset/g7.5/c0-1": (20, 0, 0),
        "synset/g7.5/c2-3": (20, 0, 0),
        "disamb/g7.5/c0-1": (10, 0, 10),  # trousers are as in Synset
        "disamb/g7.5/c2-3": (10, 0, 10),  # bags are
        "disamb/g2.5/c0-1": (20, 0, 0),
        "disamb/g2.5/c2-3": (20, 0, 0),
        "promptaug/g2.5/c0-1": (20, 0, 0),
        "promptaug/g2.5/c2-3": (20, 0, 0),
    }


def test_the_same_noise_for_the_same_class_and_index_in_every_set(place):
    tables = [read_index(place.results / "images" / name / "c0-1.parquet") for name in ("synset/g7.5", "promptaug/g2.5")]
    assert tables[0]["seed"] == tables[1]["seed"]
    assert tables[0]["prompt"] != tables[1]["prompt"]


def test_one_image_is_redrawn_alone_byte_for_byte(place):
    import torch

    from synthdiv.generator import Generator

    path = place.results / "images" / "promptaug" / "g2.5" / "c2-3.parquet"
    stored = contents(path)
    for at in ((2, "train", 5), (3, "evaluation", 0)):
        again = redraw_image(path, *at, load_draw=lambda spec: Generator(spec, torch.device("cpu")).draw_images)
        assert again == stored[at]


def test_run_again_there_is_nothing_to_do(place):
    assert "Nothing to be done" in place.run().stdout


def test_an_edited_override_redraws_one_class_and_what_follows(place):
    blocks = {path: path.stat().st_mtime_ns for path in (place.folder / "archive").rglob("*.tar")}
    (place.folder / "overrides.csv").write_text(OVERRIDES.replace("sneaker,sneaker", "sneaker,running shoe"))
    planned = jobs(place.plan().stdout)
    drawing = [job for job in planned if job.startswith("Draw")]
    assert drawing == [
        "Draw disamb at guidance scale 2.5, classes c2-3",
        "Draw disamb at guidance scale 7.5, classes c2-3",
        "Draw promptaug at guidance scale 2.5, classes c2-3",
    ]
    embedding = [job for job in planned if job.startswith("Embed the images")]
    assert embedding == [
        f"Embed the images of {name}, classes c2-3" for name in ("disamb/g2.5", "disamb/g7.5", "promptaug/g2.5")
    ]
    assert "Score reference Natural-IM x query Natural-IM (clip)" not in planned
    assert "Score reference Natural-IM x query Disamb-IM (clip)" in planned
    ran = place.run()
    counts = drawn(place)
    assert [counts[name] for name in ("disamb/g2.5/c2-3", "disamb/g7.5/c2-3", "promptaug/g2.5/c2-3")] == [(10, 0, 10)] * 3
    assert all(path.stat().st_mtime_ns == time for path, time in blocks.items())
    assert "Draw disamb at guidance scale 2.5, classes c0-1" not in ran.stdout
    assert "Nothing to be done" in place.plan().stdout


def test_a_new_natural_image_is_seen(place):
    folder = place.folder / "natural" / "train" / "bag"
    time.sleep(1.1)
    shutil.copy(next(folder.iterdir()), folder / "new.png")
    planned = jobs(place.plan().stdout)
    assert "Index the natural images of Natural-IM" in planned
    assert not [job for job in planned if job.startswith("Draw")]
    (folder / "new.png").unlink()


def test_an_edited_prompt_of_a_probe_draws_only_that_prompt(place):
    probe = {"class": "bag", "prompts": ["bag", "trunk"], "guidance_scale": 2.5, "images": 6, "reference": "Disamb2.5-IM"}
    log, table = place.results / "logs" / "draw_probe" / "bag.log", place.results / "tables" / "probes.csv"
    found = []
    for prompts, counts in ((["bag", "trunk"], (12, 0, 0)), (["bag", "typical bag"], (6, 0, 6))):
        place.config["probes"] = {"bag": probe | {"prompts": prompts}}
        place.write_config()
        planned = jobs(place.plan("results/small/figures/probes.png").stdout)
        assert [job for job in planned if job.startswith("Draw")] == ["Draw the probe bag"]
        place.run("results/small/figures/probes.png")
        assert counts_of(log) == counts
        found.append(pl.read_csv(table))
        assert found[-1].select("prompt", "n_images", "n_pairs").rows() == [(prompts[0], 6, None), (prompts[1], 6, 6)]
    same = [name for name in found[0].columns if not name.endswith("_p_adjusted")]
    assert found[0].select(same).row(0) == found[1].select(same).row(0)
    rows = read_index(place.results / "images" / "probes" / "bag.parquet").to_pylist()
    assert [row["seed"] for row in rows[:6]] == [row["seed"] for row in rows[6:]]
    # by plain NumPy, from the tables on disk
    embeddings = place.results / "embeddings" / "clip"
    of_sets = pl.concat(map(pl.read_parquet, sorted((embeddings / "disamb" / "g2.5").glob("*.parquet"))))
    of_sets = of_sets.filter(split="train")
    vectors, ids = np.array(of_sets["embedding"].to_list(), dtype=np.float64), of_sets["class_id"].to_numpy()
    centroids = np.stack([vectors[ids == c].sum(0) / np.linalg.norm(vectors[ids == c].sum(0)) for c in range(4)])
    own = np.array(pl.read_parquet(embeddings / "probes" / "bag.parquet")["embedding"].to_list(), dtype=np.float64)[6:]
    cosines = own @ centroids.T / np.linalg.norm(own, axis=1)[:, None]
    row = found[1].row(1, named=True)
    assert row["centroid_accuracy"] == (cosines.argmax(1) == 3).mean()
    assert row["mean_cosine"] == pytest.approx(cosines[:, 3].mean(), rel=1e-12)
    middle = own.sum(0) / np.linalg.norm(own.sum(0))
    assert row["centroid_shift"] == pytest.approx(1 - middle @ centroids[3], rel=1e-9)


def test_a_review_after_an_edit_says_before_and_after(place):
    place.config["review"] = {"set": "Disamb-IM", "images": 5, "classes": 2}
    place.write_config()
    place.run("review")
    folder, logs = place.results / "review" / "Disamb-IM", place.results / "logs" / "draw_review" / "Disamb-IM"
    table = pl.read_csv(folder / "accuracy.csv")
    assert sorted(table["key"]) == ["bag", "sneaker", "trouser", "tshirt"]
    assert table["accuracy"].is_sorted()
    assert (folder / "review.html").read_text().count("<section") == 2
    before = table.filter(key="bag").row(0, named=True)
    history = (folder / "history.csv").read_bytes()
    overrides = place.folder / "overrides.csv"
    overrides.write_text(overrides.read_text() + "bag,top\n")
    drawing = [job for job in jobs(place.plan("review").stdout) if job.startswith("Draw")]
    assert drawing == ["Draw the review of Disamb-IM, classes c2-3"]
    place.run("review")
    assert counts_of(logs / "c2-3.log") == (5, 0, 5)
    assert (folder / "history.csv").read_bytes().startswith(history)
    (after,) = pl.read_csv(folder / "history.csv").filter(review=2).to_dicts()
    assert (after["key"], before["prompt"], after["prompt"]) == ("bag", "bag, handbag", "top")
    page = (folder / "review.html").read_text()
    row = "<td>bag</td><td>bag, handbag</td><td>{:.0%} [{:.0%}, {:.0%}]</td><td>top</td>"
    assert row.format(*(before[name] for name in ("accuracy", "accuracy_low", "accuracy_high"))) in page
    assert "Nothing to be done" in place.run("review").stdout


def test_more_images_a_class_draw_only_what_is_new(place):
    before = contents(place.results / "images" / "disamb" / "g2.5" / "c0-1.parquet")
    place.config["images_per_class"] = {"train": 8, "evaluation": 4}
    place.write_config()
    place.run("results/small/images/disamb/g2.5/c0-1.parquet")
    assert drawn(place)["disamb/g2.5/c0-1"] == (4, 12, 8)
    after = contents(place.results / "images" / "disamb" / "g2.5" / "c0-1.parquet")
    assert len(after) == len(before) + 4
    assert all(after[at] == data for at, data in before.items())


def test_only_what_nothing_uses_is_removed_from_the_archive(place):
    """After all the edits above: indices of sets, of a probe and of reviews still find their images."""
    indices = sorted((place.results / "images").rglob("*.parquet"))
    before, planned = {path: contents(path) for path in indices}, jobs(place.plan("draw").stdout)
    blocks = set((place.folder / "archive").rglob("*.tar"))
    assert "are younger than a week and stay" in place.run("list_unused").stdout
    for path in blocks:
        os.utime(path, times=(time.time() - 8 * 24 * 3600,) * 2)
    number = int(re.search(r"remove_unused deletes the (\d+) unused files", place.run("list_unused").stdout)[1])
    assert set((place.folder / "archive").rglob("*.tar")) == blocks
    assert re.search(rf"Removed {number} unused files: [\d.]+ MB", place.run("remove_unused").stdout)
    assert len(set((place.folder / "archive").rglob("*.tar"))) == len(blocks) - number < len(blocks)
    assert {path: contents(path) for path in indices} == before
    assert "Nothing can be removed" in place.run("list_unused").stdout
    assert jobs(place.plan("draw").stdout) == planned


def test_shards_and_job_counts_do_not_change_a_byte(place, tmp_path):
    """The same drawing in other shards, by one job at a time, into an archive of its own."""
    other = make_place(tmp_path, classes_per_shard=3, archive="elsewhere", images_per_class=place.config["images_per_class"])
    shutil.copy(place.folder / "overrides.csv", other.folder / "overrides.csv")
    targets = [f"results/small/images/disamb/g2.5/{shard}.parquet" for shard in ("c0-2", "c3-3")]
    other.run("--cores", "1", *targets)
    os.chdir(other.folder)
    redrawn = contents(targets[0])
    os.chdir(place.folder)
    kept = contents(place.results / "images" / "disamb" / "g2.5" / "c0-1.parquet")
    assert all(redrawn[at] == data for at, data in kept.items())


def test_a_killed_drawing_job_keeps_its_blocks_and_ends_alike(tmp_path):
    target = "results/small/images/disamb/g2.5/c0-1.parquet"
    counts = {"images_per_class": {"train": 240, "evaluation": 10}}
    killed = tmp_path / "killed"
    killed.mkdir()
    place = make_place(killed, **counts)
    process = subprocess.Popen(place.command(target), cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 180
    while len(list((killed / "archive").rglob("*.tar"))) < 3:
        assert time.time() < deadline, "no block was drawn in three minutes"
        assert process.poll() is None, "the job ended before it could be killed"
        time.sleep(0.01)
    for victim in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        victim.send_signal(signal.SIGKILL)
    process.wait()
    blocks = {path: path.stat().st_mtime_ns for path in (killed / "archive").rglob("*.tar")}
    assert 3 <= len(blocks) < 12
    assert not (killed / target).exists()
    place.run("--unlock")
    place.run(target)
    assert all(path.stat().st_mtime_ns == time for path, time in blocks.items())
    new, copied, found = drawn(place)["disamb/g2.5/c0-1"]
    assert (copied, new + found) == (0, 500)
    assert found >= 110
    calm = tmp_path / "calm"
    calm.mkdir()
    undisturbed = make_place(calm, **counts)
    undisturbed.run(target)
    results = []
    for folder in (killed, calm):
        os.chdir(folder)
        results.append(contents(target))
    os.chdir(tmp_path)
    assert results[0] == results[1]


def test_a_bad_image_is_named_before_anything_is_embedded(tmp_path):
    place = make_place(tmp_path)
    bad = place.folder / "natural" / "train" / "bag" / "broken.png"
    bad.write_bytes(b"\x89PNG not really")
    done = place.run("results/small/images/natural/Natural-IM.parquet", check=False)
    assert done.returncode != 0
    told = r"error: 1 of 25 images do not decode\. Mend or remove them, .*\n  natural/train/bag/broken\.png \("
    assert re.search(told, done.stdout)
    assert "Traceback" not in done.stdout
    place.config["on_undecodable"] = "flag"
    place.write_config()
    place.run("results/small/images/natural/Natural-IM.parquet")
    rows = read_index(place.results / "images" / "natural" / "Natural-IM.parquet").to_pylist()
    assert [row["file"] for row in rows if row["flags"] == ["undecodable"]] == ["natural/train/bag/broken.png"]


def test_every_table_exists_by_every_encoder(tmp_path):
    """Two natural sets, an open_clip encoder and a timm one: no generator, no prompts."""
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
    place = Workplace(tmp_path, config)
    place.run()
    tables = place.results / "tables"
    matrix = pl.read_csv(tables / "experiments_by_encoder.csv")
    assert matrix.select("encoder", "experiment").rows() == [(name, n) for name in encoders for n in (1, 2, 3, 4)]
    assert matrix["n_queries"].to_list() == [80] * 8
    metrics = pl.read_csv(tables / "set_metrics.csv")
    expected = {"frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "separable"}
    for encoder in encoders:
        own = metrics.filter(encoder=encoder)
        assert expected <= set(own.filter(set="Studio-IM", reference="Fashion-IM")["metric"])
        assert set(own.filter(metric="vendi_score")["set"]) == set(sources)
    classifiers = pl.read_csv(tables / "embedding_classifiers.csv")
    names = {"knn1", "knn50", "lda", "gaussian_mixture", "kernel_density", "logistic_regression"}
    for encoder in encoders:
        assert names <= set(classifiers.filter(encoder=encoder)["classifier"])
    agreement = pl.read_csv(tables / "encoder_agreement.csv")
    assert agreement.select("encoder", "other_encoder").unique().rows() == [("clip", "resnet")]
    assert {"centroid_accuracy", "centroid_distance", "vendi_score"} <= set(agreement["figure"])


def test_brought_embeddings_need_no_model_and_no_order(tmp_path):
    """A config of study, classes and embedding tables alone; shuffled rows give byte-identical tables."""
    rng = np.random.default_rng(4)
    texts = []
    for name in ("first", "shuffled"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "classes.csv").write_text(CLASSES)
        rng = np.random.default_rng(4)
        for set_name in ("one", "two"):
            for split in ("train", "evaluation"):
                ids = np.repeat(np.arange(4), 15)
                rows = rng.normal(size=(60, 12)).astype(np.float32) + 2 * np.eye(12, dtype=np.float32)[ids]
                rows[7] = rows[3]  # a tie
                order = np.random.default_rng(9).permutation(60) if name == "shuffled" else np.arange(60)
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
        place = Workplace(folder, config)
        done = place.run()
        assert "draw_images" not in done.stdout
        assert "embed_class_texts" not in done.stdout
        tables = place.results / "tables"
        names = ["experiments", "centroid_distance", "set_metrics", "embedding_classifiers", "experiment_differences"]
        names += ["audit", "claims"]
        texts.append([(tables / f"{name}.csv").read_bytes() for name in names])
    assert texts[0] == texts[1]
    assert len(pl.read_csv(io.BytesIO(texts[0][0]))) == 4
    causes = pl.read_csv(tables / "causes.csv")
    assert set(causes["set"]) == {"Two-IM"}  # held against the first set
    assert causes["reading"].null_count() == 4  # nothing reads texts
    place.run("--report", "report.html")
    shown, errors, requests = read_report(place.folder / "report.html")
    assert not errors + requests
    assert shown["1 Summary"]["The study in words"] > 50
    audit, claims = (pl.read_csv(io.BytesIO(text), infer_schema_length=None) for text in texts[0][-2:])
    assert audit.filter(verdict="contradiction")["source"].unique().to_list() == ['"Diversity and Diffusion"']
    assert {"holds", "note"} >= set(audit.filter(source="this study")["verdict"])
    # without drawn sets, prompts and classifiers only neighbours and centroids can be compared
    assert claims.filter(pl.col("verdict") != "not measured")["claim"].str.starts_with("k-NN").to_list() == [True, True]
    assert set(claims.drop_nulls("published")["source"].str.split(",").list.first()) == {'"Diversity and Diffusion"'}


def test_a_brought_table_with_a_nan_is_named(tmp_path):
    (tmp_path / "classes.csv").write_text(CLASSES)
    vectors = np.random.default_rng(0).normal(size=(8, 5))
    vectors[3, 2] = np.nan
    table = pl.DataFrame(
        {"class_id": [0, 1, 2, 3] * 2, "split": ["train"] * 4 + ["evaluation"] * 4, "embedding": vectors.tolist()}
    )
    table.write_parquet(tmp_path / "mine.parquet")
    place = Workplace(
        tmp_path,
        {"study": "mine", "classes": "classes.csv", "sets": {"Mine-IM": {"kind": "image", "embeddings": "mine.parquet"}}},
    )
    done = place.run(check=False)
    assert done.returncode != 0
    assert "error: mine.parquet, row 3: the embedding holds a value that is not finite" in done.stdout
    assert Path(tmp_path / "mine.parquet").exists()
