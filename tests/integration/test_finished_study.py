"""Tables, figures and report of the finished small study, made by Snakemake and the demo's models; and plans of edits."""

import re

import numpy as np
import polars as pl
import pytest
from browser import PHONE, close_menu, open_page, read_part, read_report, wait_for, wait_until
from PIL import Image
from small_study import RECIPE, count_generated, list_generated, read_images

from synthdiv.catalog.tables import TABLES
from synthdiv.catalog.writing import check_table, list_text_columns
from synthdiv.classifiers.checkpoint import read_metadata
from synthdiv.core.tables import read_table
from synthdiv.generation.shards import regenerate_image
from synthdiv.images.index import read_index


def test_the_tables(finished):
    tables = finished.results / "tables"
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
    assert flags["n_images"].sum() == 5 * 40 + 8 + 12 + 12  # sets, a subset, a selection split, a prompt probe
    natural = pl.read_csv(tables / "natural_images.csv")
    assert natural.select("n_found", "n_used", "n_not_chosen", "n_left_out").sum().row(0) == (60, 60, 0, 0)
    audit = pl.read_csv(tables / "audit.csv")
    assert audit["source"].unique().to_list() == ["this study"]
    assert "contradiction" not in audit["verdict"]
    claims = pl.read_csv(tables / "claims.csv", infer_schema_length=None)
    compared = claims.filter(pl.col("metric").str.starts_with("Centroid Distance"))["metric"].to_list()
    assert "Centroid Distance: Disamb2.5-IM minus Disamb-IM; paired by class" in compared
    assert claims["published"].is_null().all()
    for figure in ("contact_sheet", "experiments", "centroid_distance"):
        with Image.open(finished.results / "figures" / f"{figure}.png") as image:
            assert min(image.size) > 200


def test_every_table_is_as_declared(finished):
    paths = [path for path in (finished.results / "tables").iterdir() if path.suffix in (".csv", ".parquet")]
    for path in paths:
        check_table(path.stem, read_table(path, list_text_columns(path.stem)))
    written = {(path.stem, path.suffix[1:]) for path in paths}
    assert len(written) > 30
    for name in {name for name, _ in written}:
        assert {ending for stem, ending in written if stem == name} == set(TABLES[name].files), name


def test_the_matrix_agrees_with_the_embedding_tables(finished):
    """Recompute one cell with plain NumPy from the tables on disk."""

    def read(collection, split):
        tables = [
            pl.read_parquet(path)
            for path in sorted((finished.results / "embeddings" / "clip" / collection).glob("*.parquet"))
        ]
        table = pl.concat(tables).filter(pl.col("split") == split)
        return table["class_id"].to_numpy(), np.array(table["embedding"].to_list(), dtype=np.float64)

    classes, reference = read("disamb/g2.5", "train")
    truth, query = read("natural/Natural-IM", "evaluation")
    centroids = np.stack([reference[classes == c].sum(0) for c in range(4)])
    cosines = query @ centroids.T / np.linalg.norm(query, axis=1)[:, None] / np.linalg.norm(centroids, axis=1)
    row = pl.read_csv(finished.results / "tables" / "experiments.csv").filter(
        (pl.col("reference") == "Disamb2.5-IM") & (pl.col("query") == "Natural-IM")
    )
    assert row["centroid_accuracy"][0] == (cosines.argmax(1) == truth).mean()
    assert row["mean_cosine"][0] == pytest.approx(cosines[np.arange(16), truth].mean(), rel=1e-12)
    near = np.argsort(-query @ (reference / np.linalg.norm(reference, axis=1, keepdims=True)).T, axis=1)[:, :5]
    votes = [
        max(nearest, key=lambda c, nearest=nearest: (nearest.count(c), -nearest.index(c)))
        for nearest in classes[near].tolist()
    ]
    assert row["knn1_accuracy"][0] == (classes[near[:, 0]] == truth).mean()
    assert row["knn5_accuracy"][0] == (votes == truth).mean()


def test_the_other_tables(finished):
    tables = finished.results / "tables"
    metrics = pl.read_csv(tables / "set_metrics.csv")
    compared = metrics.filter(pl.col("reference").is_not_null())
    assert set(compared["reference"]) == {"Natural-IM"}
    assert set(compared["set"]) == set(finished.config["sets"]) - {"Natural-IM", "Subset-IM"}
    assert set(compared["images_per_class"]) == {6}
    classifiers = pl.read_csv(tables / "embedding_classifiers.csv")
    assert len(classifiers.filter(classifier="logistic_regression")) == 12
    summary = pl.read_csv(tables / "matrix_summary.csv")
    assert summary["n_experiments"].to_list()[:2] == [12, 9]
    differences = pl.read_csv(tables / "experiment_differences.csv")
    assert len(differences.filter(metric="mean_cosine")) == 12 * 11 / 2
    by_encoder = pl.read_csv(tables / "experiments_by_encoder.csv")
    assert by_encoder.drop("encoder").equals(pl.read_csv(tables / "experiments.csv"))


def test_the_leakage_between_the_sets(finished):
    tables = finished.results / "tables"
    leakage = pl.read_csv(tables / "leakage.csv", infer_schema_length=None)
    splits = leakage.select("set", "split", "other_set", "other_split").rows()
    assert len(set(splits)) == len(splits)
    generated = [
        name for name in finished.config["sets"] if name.endswith("-IM") and name not in ("Natural-IM", "Subset-IM")
    ]
    assert set(splits) == {
        *(("Natural-IM", split, "Natural-IM", split) for split in ("train", "evaluation")),
        ("Subset-IM", "evaluation", "Subset-IM", "evaluation"),
        *(
            (name, "evaluation", other, "train")
            for name in ("Natural-IM", "Subset-IM")
            for other in ["Natural-IM", *generated]
        ),
        *((name, "evaluation", name, "train") for name in generated),
        *((name, "train", "Natural-IM", "train") for name in generated),
    }
    assert leakage["n_exact"].sum() == 0
    authentic = leakage.filter(pl.col("authenticity").is_not_null())
    assert set(authentic["set"]) == {"Natural-IM", *generated}
    assert set(authentic["other_set"]) == {"Natural-IM"}
    pairs = pl.read_parquet(tables / "duplicates.parquet")
    assert len(pairs.filter(pl.col("kind") != "nearest")) == leakage["n_duplicates"].sum()
    accuracy = pl.read_csv(tables / "leakage_accuracy.csv", infer_schema_length=None)
    keys = ["classifier", "train_set", "evaluation_set"]
    means = pl.read_csv(tables / "classifier_means.csv").filter(pl.col("classifier") != "ready")
    assert accuracy.select(*keys, "top1").rows() == means.select(*keys, "top1").rows()


def test_the_report_in_a_browser(finished, tmp_path):
    report = tmp_path / "report.html"
    finished.run("--report", str(report))
    shown, errors, requests = read_report(report)
    assert not errors
    assert not requests
    assert [part[0] for part in shown] == sorted(part[0] for part in shown)
    results = {label for part in shown.values() for label in part}
    assert {
        "Summary of the findings",
        "Suspected causes by class",
        "Diversity against centroid-shift",
        "Reference x query matrix",
        "Tables to browse",
    } <= results
    assert {"3 Matrix", "5 Classes", "9 Claims, audit, cost"} <= {
        part for part, labels in shown.items() if "Tables to browse" in labels
    }
    assert all(size > 50 for part in shown.values() for size in part.values())
    with open_page(report, PHONE) as driver:
        read_part(driver, "7 Geometry")
        close_menu(driver)
        (figure,) = wait_for(driver, "div.p-3 > img")
        wait_until(driver, lambda: figure.size["width"] > 300)  # the menu takes a moment to close
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    page = (finished.results / "summary.html").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Verdict", "Which set", "Why", "Classes", "Look", "Do", "Trust"]
    assert re.findall('class="headline">(.*?)</p>', page) == [
        "Undecided: Disamb2.5-IM is ahead, but the sets cannot be told apart."
    ]
    assert page.count("<img") > 50
    linked = set(re.findall(r'href="([^"#]+)"', page))
    assert linked
    assert [link for link in linked if not (finished.results / link).exists()] == []
    with open_page(finished.results / "summary.html", PHONE) as driver:
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_the_sweep_and_the_grammar(finished):
    """The sweep's metrics equal those of the matrix and of the set metrics, where these exist."""
    tables = finished.results / "tables"
    guidance = pl.read_csv(tables / "guidance.csv")
    assert guidance["guidance_scale"].to_list() == [2.5] * 6 + [7.5] * 6 + [None] * 6
    assert set(guidance["guidance"]) == {"classifier-free"}
    cells = {
        (row["reference"], row["query"]): row["centroid_accuracy"]
        for row in pl.read_csv(tables / "experiments.csv").iter_rows(named=True)
    }
    found = {(row["set"], row["metric"]): row["value"] for row in guidance.iter_rows(named=True)}
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
    assert choice.group_by("metric", maintain_order=True).len()["len"].to_list() == [5] * 6
    assert set(choice["best_guidance_scale"]) <= {2.5, 7.5}
    adherence = pl.read_csv(tables / "adherence.csv").filter(value="all")
    assert adherence["set"].unique().to_list() == ["PromptAug-IM"]
    assert adherence["modifier"].n_unique() == 7
    assert adherence["n_images"].to_list() == [16, 4, 4, 4, 4] * 7
    for figure in ("guidance", "adherence"):
        with Image.open(finished.results / "figures" / f"{figure}.png") as image:
            assert min(image.size) > 200


def test_images_that_two_datasets_share_are_generated_once(finished):
    assert count_generated(finished) == {
        "synset/g7.5/c0-2": (30, 0, 0),
        "synset/g7.5/c3-3": (10, 0, 0),
        "disamb/g7.5/c0-2": (20, 0, 10),  # trousers have the same prompt as in Synset
        "disamb/g7.5/c3-3": (0, 0, 10),  # bags too
        "disamb/g2.5/c0-2": (30, 0, 0),
        "disamb/g2.5/c3-3": (10, 0, 0),
        "promptaug/g2.5/c0-2": (30, 0, 0),
        "promptaug/g2.5/c3-3": (10, 0, 0),
    }


def test_the_same_noise_for_the_same_class_and_index_in_every_set(finished):
    tables = [read_index(finished.results / "images" / name / "c0-2.parquet") for name in ("synset/g7.5", "promptaug/g2.5")]
    assert tables[0]["seed"] == tables[1]["seed"]
    assert tables[0]["prompt"] != tables[1]["prompt"]


def test_a_single_image_is_regenerated_byte_for_byte(finished):
    import torch

    from synthdiv.generation.generator import Generator

    for shard, at in (("c0-2", (2, "train", 5)), ("c3-3", (3, "evaluation", 0))):
        path = finished.results / "images" / "promptaug" / "g2.5" / f"{shard}.parquet"
        again = regenerate_image(path, *at, load_generate=lambda spec: Generator(spec, torch.device("cpu")).generate_images)
        assert again == read_images(path)[at]


def test_every_classifier_is_tabulated(finished):
    table = pl.read_csv(finished.results / "tables" / "classifiers.csv")
    assert table.select("classifier", "train_set", "evaluation_set", "seed", "n_evaluation").rows() == [
        (classifier, training, evaluation, seed, count)
        for classifier, training, seed in (
            ("tiny", "Natural-IM", 5),
            ("tiny", "Natural4", 5),
            ("tiny", "Mixed", 5),
            ("tiny", "Disamb-IM", 5),
            ("tiny", "Disamb2.5-IM", 5),
            ("tuned", "Natural-IM", 5),
            ("ready", "Elsewhere", None),
        )
        for evaluation, count in (("Natural-IM", 16), ("Subset-IM", 8))
    ]
    assert table["n_train"].to_list() == [24, 24, 16, 16, 36, 36, *[24] * 6, None, None]
    assert table["steps"].to_list() == [10, 10, 6, 6, 14, 14, *[10] * 6, None, None]
    means = pl.read_csv(finished.results / "tables" / "classifier_means.csv")
    assert means["n_seeds"].to_list() == [1] * 14
    assert means.columns[-1] == "calibration_error"  # without columns of published values
    per_class = pl.read_parquet(finished.results / "tables" / "classifiers_per_class.parquet")
    subset = per_class.filter(evaluation_set="Subset-IM", classifier="ready")
    assert subset["name"].to_list() == ["trousers", "bag"]
    predicted = pl.read_parquet(finished.results / "evaluations" / "ready" / "Elsewhere.parquet")
    assert set(predicted.filter(evaluation_set="Subset-IM")["predicted"].list.first()) <= {1, 3}
    confusion = pl.read_parquet(finished.results / "tables" / "classifier_confusion.parquet")
    assert confusion["n_images"].sum() == 7 * 24


def test_the_figures_and_the_exchange_rate(finished):
    for name in ("classifiers", "training", "exchange_rate", "predictors", "interventions", "accounts"):
        with Image.open(finished.results / "figures" / f"{name}.png") as image:
            assert min(image.size) > 200
    exchange_rate = pl.read_csv(finished.results / "tables" / "exchange_rate.csv")
    counts = exchange_rate.filter(classifier="tiny").select("train_set", "n_natural", "n_synthetic").rows()
    assert counts == [("Natural-IM", 24, 0), ("Natural4", 16, 0), ("Mixed", 16, 20), ("Disamb2.5-IM", 0, 24)]


def read_correct(finished, training, folder="evaluations"):
    """Read which images a classifier got right, by evaluation set, class and index."""
    rows = pl.read_parquet(finished.results / folder / "tiny" / f"{training}.parquet").to_dicts()
    return {(row["evaluation_set"], row["class_id"], row["index"]): row["predicted"][0] == row["class_id"] for row in rows}


def count_top1(finished, training, evaluation):
    """Count, without a library, the share of an evaluation set's images that a classifier got right."""
    own = [right for (name, _, _), right in read_correct(finished, training).items() if name == evaluation]
    return sum(own) / len(own)


def test_interventions_and_accounts_are_those_of_the_stored_predictions(finished):
    interventions = pl.read_csv(finished.results / "tables" / "interventions.csv")
    pairs = interventions.select("base", "changed").unique(maintain_order=True).rows()
    assert pairs == [("Natural-IM", "Natural4"), ("Natural4", "Mixed"), ("Disamb-IM", "Disamb2.5-IM")]
    for row in interventions.to_dicts():
        before, after = (count_top1(finished, row[name], row["evaluation_set"]) for name in ("base", "changed"))
        assert (row["top1_before"], row["top1_after"], row["gain"]) == pytest.approx((before, after, after - before))
    accounts = pl.read_csv(finished.results / "tables" / "accounts.csv")
    for (evaluation, name), own in accounts.group_by("evaluation_set", "train_set"):
        total, *steps = own.sort("step").to_dicts()
        shortfall = count_top1(finished, name, evaluation) - count_top1(finished, "Natural-IM", evaluation)
        assert total["gain"] == pytest.approx(shortfall)
        assert sum(step["gain"] for step in steps) == pytest.approx(shortfall)
        assert [total["base"], *(step["changed"] for step in steps)][-1] == name
    by_class = pl.read_parquet(finished.results / "tables" / "interventions_by_class.parquet")
    for row in by_class.filter(evaluation_set="Natural-IM").to_dicts():
        recalls = []
        for training in (row["base"], row["changed"]):
            found = read_correct(finished, training).items()
            own = [right for key, right in found if key[:2] == ("Natural-IM", row["class_id"])]
            recalls.append(sum(own) / len(own))
        assert (row["recall_before"], row["recall_after"]) == pytest.approx(tuple(recalls))


def test_the_best_training_set_is_that_of_the_selection_split(finished):
    """Its images are in no other split, and the accounts lead through it."""
    table = pl.read_csv(finished.results / "tables" / "selection.csv")
    shares = {}
    for name in ("Disamb-IM", "Disamb2.5-IM"):
        right = read_correct(finished, name, "selection")
        assert {key[0] for key in right} == {"Natural-IM"}
        assert len(right) == 12  # three images of each class
        shares[name] = sum(right.values()) / 12
    assert dict(table.select("train_set", "top1").rows()) == pytest.approx(shares)
    best = max(shares, key=shares.__getitem__)
    assert table.filter("best")["train_set"].to_list() == [best]
    accounts = pl.read_csv(finished.results / "tables" / "accounts.csv")
    assert accounts["anchor"].unique().to_list() == [best]
    digests = [
        {row["digest"] for row in read_index(finished.results / "images" / kind / "Natural-IM.parquet").to_pylist()}
        for kind in ("selection", "natural")
    ]
    assert len(digests[0]) == 12
    assert not digests[0] & digests[1]
    assert not len(pl.read_parquet(finished.results / "selection" / "ready" / "Elsewhere.parquet"))


def test_a_mixtures_weights_are_used_in_training(finished):
    metadata = read_metadata(finished.results / "classifiers" / "tiny" / "Mixed" / "seed5" / "model.safetensors")
    assert metadata["parts"] == [["Natural-IM", 16], ["Disamb2.5-IM", 20]]
    assert (metadata["n_train"], metadata["held_fixed"], metadata["epochs"]) == (36, "epochs", pytest.approx(140 / 36))


def test_there_is_nothing_left_to_do(place):
    """Nothing is left to do in a copy of the finished study in another folder either."""
    assert "Nothing to be done" in place.plan().stdout
    assert "Nothing to be done" in place.run().stdout


# Plans of edited configs


def change_recipe(config, classifier="tiny", **changes):
    """Return the config with another recipe, or other keys, of a classifier."""
    classifiers = config["classifiers"]
    return config | {"classifiers": classifiers | {classifier: classifiers[classifier] | changes}}


def test_an_edited_evaluation_recipe_repeats_only_evaluations(finished):
    config = change_recipe(finished.config, "tuned", recipe=RECIPE | {"evaluation_size": 48}, checkpoint_minutes=5)
    planned = finished.plan("classifiers", config=config).stdout
    assert "train_classifier" not in planned
    assert set(re.findall(r"Evaluate (tiny|tuned|ready), trained on (\S+)", planned)) == {("tuned", "Natural-IM")}


def test_an_edited_evaluation_recipe_repeats_the_training_whose_log_has_evaluations(finished):
    """That of `tiny`, which has a monitored set, and that of `tuned`, which starts from its weights."""
    config = change_recipe(finished.config, checkpoint_minutes=5)
    assert "Nothing to be done" in finished.plan("classifiers", config=config).stdout
    config = change_recipe(finished.config, recipe=RECIPE | {"evaluation_size": 48})
    planned = finished.plan("classifiers", config=config).stdout
    trained = set(re.findall(r"Train (\S+) on (\S+), seeds 5", planned))
    training = finished.config["classifiers"]["tiny"]["train"]
    assert trained == {("tiny", name) for name in training} | {("tuned", "Natural-IM")}
    assert set(re.findall(r"Evaluate (tiny|tuned|ready), trained on (\S+)", planned)) == trained


def test_an_edited_recipe_repeats_its_training_and_the_fine_tuning_from_it(finished):
    config = change_recipe(finished.config, recipe=RECIPE | {"label_smoothing": 0.1})
    planned = finished.plan("classifiers", config=config).stdout
    assert len(set(re.findall(r"Train (\S+) on (\S+), seeds 5", planned))) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": ["Natural"]}, "there is no set or mixture 'Natural'; did you mean 'Natural4'?"),
        ({"classifier": "tuned", "train": ["Subset-IM"]}, "set 'Subset-IM' has no training split"),
        ({"recipe": RECIPE | {"steps": 5}}, "classifiers.tiny.recipe: a recipe needs one of epochs and steps"),
        ({"recipe": RECIPE | {"learning_rate": 5}}, "classifiers.tiny.recipe.learning_rate: there is no such key"),
        ({"recipe": "missing.yaml"}, "missing.yaml does not exist"),
        ({"recipe": RECIPE | {"device_batch_size": 3}}, "classifiers.tiny.recipe.batch_size is 10: write a multiple of 3"),
        ({"init_from": {"classifier": "tuned", "train": "Natural-IM"}}, "is circular"),
        ({"init_from": {"classifier": "ready", "train": "Elsewhere"}}, "no training set of that classifier 'Elsewhere'"),
        ({"classifier": "tuned", "train": []}, "classifiers.tuned: it has nothing to train on"),
    ],
)
def test_an_impossible_classifier_gives_a_one_sentence_error(finished, changes, message):
    done = finished.plan("classifiers", check=False, config=change_recipe(finished.config, **changes))
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_an_edited_or_added_probe_generates_only_that_probe(finished):
    probe = finished.config["prompt_probes"]["bag"]
    for name, prompt_probes in (
        ("bag", {"bag": probe | {"prompts": ["bag", "typical bag"]}}),
        ("hat", {"bag": probe, "hat": probe}),
    ):
        plan = finished.plan(config=finished.config | {"prompt_probes": prompt_probes})
        assert list_generated(plan) == [f"Generate the prompt probe {name}"]
