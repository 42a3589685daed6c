"""Edits of the finished small study: which jobs run again, and which images are generated."""

import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import make_checker
from safetensors.torch import load_file
from small_study import (
    CLASS_IDS,
    KEYS,
    OVERRIDES,
    PROBE,
    RECIPE,
    count_generated,
    list_generated,
    list_jobs,
    make_place,
    read_image_counts,
    read_images,
)
from workplace import DEMO

from synthdiv.images.index import read_index
from synthdiv.jobs.rules import list_jobs as list_planned
from synthdiv.plan.loading import load_study

EDITED = ("disamb/g2.5", "disamb/g7.5", "promptaug/g2.5")
"""Generation runs with another sneaker prompt, in shard c0-2, after the edit of its override."""


def edit_override(place):
    """Edit the sneaker's override and return Snakemake's plan."""
    (place.folder / "overrides.csv").write_text(OVERRIDES.replace("sneaker,sneaker", "sneaker,running shoe"))
    return place.plan()


def test_an_edited_override_regenerates_one_class_and_its_dependents(place):
    blocks = {path: path.stat().st_mtime_ns for path in (place.folder / "archive").rglob("*.tar")}
    plan = edit_override(place)
    assert list_generated(plan) == [f"Generate {name.replace('/g', ' at guidance scale ')}, classes c0-2" for name in EDITED]
    planned = list_jobs(plan.stdout)
    embedding = [job for job in planned if job.startswith("Embed the images")]
    assert embedding == [f"Embed the images of {name}, classes c0-2" for name in EDITED]
    trained = ["Disamb-IM", "Disamb2.5-IM", "Mixed"]
    assert [job for job in planned if job.startswith("Train tiny")] == [f"Train tiny on {name}, seeds 5" for name in trained]
    assert "Score reference Natural-IM x query Natural-IM (clip)" not in planned
    assert "Score reference Natural-IM x query Disamb-IM (clip)" in planned
    ran = place.run("generate", "experiments")
    assert [count_generated(place)[f"{name}/c0-2"] for name in EDITED] == [(10, 0, 20)] * 3
    assert all(path.stat().st_mtime_ns == time for path, time in blocks.items())
    assert "Generate disamb at guidance scale 2.5, classes c3-3" not in ran.stdout
    assert "Nothing to be done" in place.plan("generate", "experiments").stdout
    check_unused(place)


@pytest.mark.full
def test_a_study_with_every_edit_runs_to_its_end(place):
    """Smaller tests: each edit alone, up to its direct results."""
    place.config["prompt_probes"] = {"bag": PROBE | {"prompts": ["bag", "typical bag"]}}
    place.config["review"] = {"set": "Disamb-IM", "images": 5, "classes": 2}
    place.write_config()
    place.run("review")
    edit_override(place)
    place.run("all", "review")
    assert "Nothing to be done" in place.plan("all", "review").stdout
    check_unused(place)


def test_the_grid_counts_no_stale_result_as_done(place):
    """Only Snakemake knows that these files are of an earlier prompt, or of an earlier setting."""
    before = read_grid(place)
    assert all(row.count("✓") == 4 for row in before["Experiments"])
    assert all(row.split()[2] == row.split()[3] for row in before["Embeddings"])
    assert all(row.split()[2] == row.split()[3] for row in before["Classifiers"])
    edit_override(place)
    place.config["embedding_classifiers"] = {"knn": [1]}
    place.config["classifiers"]["tuned"]["recipe"] = RECIPE | {"label_smoothing": 0.1}
    place.write_config()
    after, planned = read_grid(place), list_jobs(place.plan().stdout)
    marks = {row.split()[0]: row.count("✓") for row in after["Experiments"]}
    queries = place.config["experiments"]["queries"]
    stale = {name: sum(f"Score reference {name} x query {one} (clip)" in planned for one in queries) for name in marks}
    assert marks == {name: 4 - count for name, count in stale.items()}
    assert 0 < sum(marks.values()) < 12
    done = {tuple(row.split()[:2]): row.split()[2:4] for row in after["Embeddings"]}
    assert done["clip", "disamb/g2.5"] == ["2", "1"]
    assert done["clip", "synset/g7.5"] == ["2", "2"]
    done = {tuple(row.split()[:2]): row.split()[2:4] for row in after["Classifiers"]}
    assert done["tiny", "Natural-IM"] == ["1", "1"]
    assert done["tiny", "Mixed"] == done["tuned", "Natural-IM"] == ["1", "0"]
    assert "Jobs" not in before
    edited, *_, following = [line for line in after["Jobs"] if " because " in line]
    assert re.search(r"^  \d+ because their settings changed: \d", edited)
    assert re.search(r"^  \d+ because one of these jobs makes what they read: \d", following)


def read_grid(place):
    """Run target grid, and return the rows of each of its tables, and the lines on jobs."""
    parts = [part for part in re.split(r"\n\n+", place.run("grid").stdout) if part.strip()]
    return {part.split()[0]: part.splitlines()[1 if part.startswith("Jobs") else 2 :] for part in parts}


def test_each_way_to_compute_again_with_other_software_plans_its_jobs(place):
    for path in (place.results / "environments").iterdir():
        path.write_text(re.sub('"(torch|diffusers)": "[^"]+"', r'"\1": "0.1"', path.read_text()))
    output = place.plan().stdout
    assert re.search(r"since the last run of small: torch was 0.1 and is [\d.]+\S*; diffusers was 0.1 and is \d", output)
    assert "Nothing to be done" in output
    (rules,) = re.findall(r"add --forcerun ([a-z_ ]+)$", output, flags=re.MULTILINE)
    assert all(rule in rules.split() for rule, _ in list_planned(load_study(place.config)) if rule.startswith("embed_"))
    assert is_planned(place.list_reasons("--forcerun", *rules.split()), rules.split())
    place.config["archive"] = "elsewhere"
    place.write_config()
    assert is_planned(place.list_reasons(), ["generate_images", "generate_prompt_probe"])
    del place.config["archive"]
    place.write_config()
    shutil.rmtree(place.results / "classifiers")
    trained = place.list_reasons("--forcerun", "train_classifier")
    assert is_planned(trained, ["train_classifier", "evaluate_classifier"], but="ready")


def is_planned(reasons, rules, *, but=None):
    """Return whether each job of some rules would run, except those of a classifier that is not trained."""
    runs = [why is not None for job, why in reasons.items() if job.rule.name in rules and but not in job.wildcards]
    return bool(runs) and all(runs)


def check_unused(place):
    """Check that exactly the unused files are removed from the archive: every index still finds its images."""
    indices = sorted((place.results / "images").rglob("*.parquet"))
    before, planned = {path: read_images(path) for path in indices}, list_jobs(place.plan("generate").stdout)
    blocks = set((place.folder / "archive").rglob("*.tar"))
    assert "are younger than a week and stay" in place.run("list_unused").stdout
    for path in blocks:
        os.utime(path, times=(time.time() - 8 * 24 * 3600,) * 2)
    number = int(re.search(r"remove_unused deletes the (\d+) unused files", place.run("list_unused").stdout)[1])
    assert set((place.folder / "archive").rglob("*.tar")) == blocks
    assert re.search(rf"Removed {number} unused files: [\d.]+ MB", place.run("remove_unused").stdout)
    assert len(set((place.folder / "archive").rglob("*.tar"))) == len(blocks) - number < len(blocks)
    assert {path: read_images(path) for path in indices} == before
    assert "Nothing can be removed" in place.run("list_unused").stdout
    assert list_jobs(place.plan("generate").stdout) == planned


def test_a_new_natural_image_is_indexed(place):
    assert "Nothing to be done" in place.plan().stdout
    folder = place.folder / "natural" / "train" / "bag"
    shutil.copy(next(folder.iterdir()), folder / "new.png")
    plan = place.plan()
    assert "Index the images of natural/Natural-IM" in list_jobs(plan.stdout)
    assert not list_generated(plan)


def replace_by_older(path, data):
    other = path.with_name(".other")
    other.write_bytes(data)
    os.utime(other, (1, 1))
    os.replace(other, path)


def test_changed_sources_that_are_no_newer_than_the_results_plan_their_jobs(place):
    """Images in a nested folder and an older file: Snakemake compares only whether an input is newer than the output."""
    nested = place.folder / "natural" / "train" / "bag" / "more"
    nested.mkdir()
    for folder in (nested, nested.parent):
        os.utime(folder, (1, 1))
    assert "Nothing to be done" in place.plan().stdout
    image = next(nested.parent.glob("*.png"))
    shutil.copy(image, nested / "new.png")
    for path in (nested / "new.png", nested, nested.parent):
        os.utime(path, (1, 1))
    index = "Index the images of natural/Natural-IM"
    assert index in list_jobs(place.plan().stdout)
    (nested / "new.png").unlink()
    assert "Nothing to be done" in place.plan().stdout
    replace_by_older(image, image.read_bytes()[:-1])
    assert index in list_jobs(place.plan().stdout)


def test_a_safety_checkers_changed_weights_flag_the_images_again(tmp_path):
    """The images stay, as do the times of the checker's files."""
    place = make_place(tmp_path, classes_per_shard=4, experiments={}, contact_sheets={})
    place.config["generators"]["tiny"]["safety_checker"] = "checker"
    place.config["sets"] = {"Synset-IM": place.config["sets"]["Synset-IM"]}
    place.config["datasets"] = {"synset": place.config["datasets"]["synset"]}
    place.write_config()
    make_checker(tmp_path / "checker", 100.0)  # similarities are -1 to 1
    weights = tmp_path / "checker" / "model.safetensors"
    earlier = weights.stat().st_mtime - 1000
    place.run("generate")
    index = place.results / "images" / "synset" / "g7.5" / "c0-3.parquet"
    assert read_index(index)["flags"].to_pylist() == [[]] * 40
    make_checker(tmp_path / "checker", -100.0)
    os.utime(weights, (earlier, earlier))
    assert list_generated(place.plan("generate")) == ["Generate synset at guidance scale 7.5, classes c0-3"]
    place.run("generate")
    assert read_index(index)["flags"].to_pylist() == [["nsfw"]] * 40
    assert count_generated(place)["synset/g7.5/c0-3"] == (0, 0, 40)


def test_an_edited_prompt_of_a_probe_generates_only_that_prompt(place):
    log, table = place.results / "logs" / "generate_prompt_probe" / "bag.log", place.results / "tables" / "prompt_probes.csv"
    assert read_image_counts(log) == (12, 0, 0)
    found = [pl.read_csv(table)]
    place.config["prompt_probes"] = {"bag": PROBE | {"prompts": ["bag", "typical bag"]}}
    place.write_config()
    place.run("results/small/figures/prompt_probes.png")
    assert read_image_counts(log) == (6, 0, 6)
    found.append(pl.read_csv(table))
    for prompt, rows in (("trunk", found[0]), ("typical bag", found[1])):
        assert rows.select("prompt", "n_images", "n_pairs").rows() == [("bag", 6, None), (prompt, 6, 6)]
    same = [name for name in found[0].columns if not name.endswith("_p_adjusted")]
    assert found[0].select(same).row(0) == found[1].select(same).row(0)
    rows = read_index(place.results / "images" / "prompt_probes" / "bag.parquet").to_pylist()
    assert [row["seed"] for row in rows[:6]] == [row["seed"] for row in rows[6:]]
    # recompute with plain NumPy from the tables on disk
    embeddings = place.results / "embeddings" / "clip"
    reference = pl.concat(map(pl.read_parquet, sorted((embeddings / "disamb" / "g2.5").glob("*.parquet"))))
    reference = reference.filter(split="train")
    vectors, ids = np.array(reference["embedding"].to_list(), dtype=np.float64), reference["class_id"].to_numpy()
    centroids = np.stack([vectors[ids == c].sum(0) / np.linalg.norm(vectors[ids == c].sum(0)) for c in range(4)])
    own = np.array(pl.read_parquet(embeddings / "prompt_probes" / "bag.parquet")["embedding"].to_list(), dtype=np.float64)[
        6:
    ]
    cosines = own @ centroids.T / np.linalg.norm(own, axis=1)[:, None]
    row = found[1].row(1, named=True)
    assert row["centroid_accuracy"] == (cosines.argmax(1) == 3).mean()
    assert row["mean_cosine"] == pytest.approx(cosines[:, 3].mean(), rel=1e-12)
    own_centroid = own.sum(0) / np.linalg.norm(own.sum(0))
    assert row["centroid_shift"] == pytest.approx(1 - own_centroid @ centroids[3], rel=1e-9)


def test_a_review_after_an_edit_shows_both_prompts_and_accuracies(place):
    del place.config["classifiers"], place.config["mixtures"]  # so that class centroids are the reviewer
    del place.config["sets"]["Natural-IM"]["images"]["selection"]
    place.config["review"] = {"set": "Disamb-IM", "images": 5, "classes": 2}
    place.write_config()
    place.run("review")
    folder, log = (
        place.results / "review" / "Disamb-IM",
        place.results / "logs" / "generate_review" / "Disamb-IM" / "c0-2.log",
    )
    assert read_image_counts(log) == (15, 0, 0)
    table = pl.read_csv(folder / "accuracy.csv")
    assert sorted(table["key"]) == ["bag", "sneaker", "trouser", "tshirt"]
    assert table["accuracy"].is_sorted()
    assert (folder / "review.html").read_text().count("<section") == 2
    before = table.filter(key="trouser").row(0, named=True)
    history = (folder / "history.csv").read_bytes()
    overrides = place.folder / "overrides.csv"
    overrides.write_text(overrides.read_text() + "trouser,top\n")
    assert list_generated(place.plan("review")) == ["Generate the review of Disamb-IM, classes c0-2"]
    place.run("review")
    assert read_image_counts(log) == (5, 0, 10)
    assert (folder / "history.csv").read_bytes().startswith(history)
    (after,) = pl.read_csv(folder / "history.csv").filter(review=2).to_dicts()
    assert (after["key"], before["prompt"], after["prompt"]) == ("trouser", "trousers, pants", "top")
    page = (folder / "review.html").read_text()
    row = "<td>trousers</td><td>trousers, pants</td><td>{:.0%} [{:.0%}, {:.0%}]</td><td>top</td>"
    assert row.format(*(before[name] for name in ("accuracy", "accuracy_low", "accuracy_high"))) in page
    assert "Nothing to be done" in place.plan("review").stdout


def test_more_images_per_class_generate_only_the_new_ones(place):
    index = place.results / "images" / "disamb" / "g2.5" / "c0-2.parquet"
    before = read_images(index)
    place.config["images_per_class"] = {"train": 8, "evaluation": 4}
    place.write_config()
    place.run(str(index.relative_to(place.folder)))
    assert count_generated(place)["disamb/g2.5/c0-2"] == (6, 18, 12)
    after = read_images(index)
    assert len(after) == len(before) + 6
    assert all(after[at] == data for at, data in before.items())


def test_shards_and_job_counts_do_not_change_a_byte(finished, tmp_path, monkeypatch):
    """Run the same generation in one shard, with one job at a time, into a separate archive."""
    other = make_place(tmp_path, classes_per_shard=4, archive="elsewhere")
    index = "results/small/images/disamb/g2.5/c0-3.parquet"
    other.run("--cores", "1", index)
    shards = [
        read_images(finished.results / "images" / "disamb" / "g2.5" / f"{shard}.parquet") for shard in ("c0-2", "c3-3")
    ]
    monkeypatch.chdir(other.folder)
    assert read_images(index) == shards[0] | shards[1]


def test_published_values_are_compared_where_the_names_agree(place):
    """Some sets have the names of published ones, but no classifier has; the original config names no published study."""
    assert "published.csv" not in place.plan("--forceall").stdout
    place.config["published"] = "diversity_and_diffusion"
    place.write_config()
    place.run("results/small/tables/published.csv")
    table = pl.read_csv(place.results / "tables" / "published.csv", infer_schema_length=None)
    assert table["published"].null_count() == 0
    assert "top1" in set(table["metric"])
    assert table.filter(metric="top1")["value"].is_null().all()
    matrix = pl.read_csv(place.results / "tables" / "experiments.csv")
    ours = {(row["reference"], row["query"]): row["centroid_accuracy"] for row in matrix.iter_rows(named=True)}
    printed = table.filter(pl.col("where") == "Table 6", metric="centroid_accuracy", **{"class": "all"})
    assert len(printed) == 36
    assert printed["value"].to_list() == [ours.get(pair) for pair in printed.select("reference", "query").rows()]
    assert printed["value"].null_count() == 36 - 6


def test_a_lost_image_file_is_reported_with_the_command_that_restores_it(place):
    """Natural folders have no blocks, but a Parquet set's images are copied into the archive, where a block may get lost."""
    table = pq.read_table(DEMO / "natural" / "fashion-evaluation.parquet")
    labels = np.array(table["class_id"].to_pylist())
    rows = [int(n) for class_id in CLASS_IDS for n in np.flatnonzero(labels == class_id)[:6]]
    keys = [key for key in KEYS for _ in range(6)]
    pq.write_table(pa.table({"image": [table["image"][n].as_py() for n in rows], "key": keys}), place.folder / "few.parquet")
    place.config["sets"]["Few-IM"] = {"kind": "image", "images": {"train": "few.parquet", "evaluation": "few.parquet"}}
    place.config["classifiers"]["few"] = {"recipe": RECIPE, "train": ["Few-IM"], "evaluate": ["Natural-IM"]}
    place.write_config()
    index = place.results / "images" / "natural" / "Few-IM.parquet"
    target = "results/small/classifiers/few/Few-IM/weights_0.json"
    place.run(str(index.relative_to(place.folder)))
    lost = Path(read_index(index)["file"][0].as_py())
    lost.unlink()
    done = place.run(target, check=False)
    (command,) = re.findall(r"snakemake --profile local --force (\S+)", done.stdout)
    assert str(lost) in done.stdout
    assert command == str(index.relative_to(place.folder))
    place.run("--force", command)
    assert lost.exists()
    place.run(target)
    assert (place.folder / target).exists()


def test_a_checkpoint_of_another_training_run_is_kept_but_not_used(place):
    """The job finds no finished run, but a checkpoint, of another recipe."""
    model = place.results / "classifiers" / "tiny" / "Natural-IM" / "seed5" / "model.safetensors"
    before = load_file(model)
    model.unlink()
    torch.save({"identity": "another"}, model.with_name("checkpoint.pt"))
    place.run("results/small/classifiers/tiny/Natural-IM/weights_5.json", "--force")
    log = place.results / "logs" / "train_classifier" / "tiny" / "Natural-IM" / "5.log"
    assert "the checkpoint is of another recipe or other images; training from the start" in log.read_text()
    assert not model.with_name("checkpoint.pt").exists()
    after = load_file(model)
    assert max(float((before[name].float() - after[name].float()).abs().max()) for name in before) <= 1e-6
