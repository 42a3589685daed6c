"""Claims: the sets that play each role, the comparisons, and the conditions of a verdict."""

import csv
import math
import re

import numpy as np
import polars as pl
import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.analysis.classifier_tables import compare_trainings
from synthdiv.analysis.matrix import compare_experiments, tabulate_experiments
from synthdiv.claims.claims import Evidence, check_claims, find_comparisons
from synthdiv.claims.findings import Finding
from synthdiv.claims.matrix_evidence import MatrixEvidence
from synthdiv.claims.published import STUDIES
from synthdiv.claims.set_evidence import SetEvidence
from synthdiv.claims.training_evidence import TrainingEvidence
from synthdiv.plan.loading import load_study
from synthdiv.plan.set_roles import find_prompt_sets, find_roles, list_repeated_prompt_sets

with open(REPOSITORY / "resources" / "paper" / "claims.csv", newline="", encoding="utf-8") as file:
    CLAIMS = list(csv.DictReader(file))
ROLES = {
    "natural": "Photos",
    "shifted": ["Sketches"],
    "generated": ["Plain", "Clear", "Soft", "Many"],
    "clarified": [["Plain", "Clear"]],
    "augmented": [["Soft", "Many"]],
    "sweeps": [[["None", 1.0], ["Soft", 2.5], ["Unmeasured", 5.0], ["Clear", 7.5]]],
    "prompts": [["Words", "Clear"]],
    "prompt_sets": ["Words"],
    "scaled": [["Few", "Clear"]],
    "extended": [["Plain", "Clear"]],
    "cropped": [["crops", "small"]],
}
CLASSES = 8


def make_study(monkeypatch, name, **changes):
    monkeypatch.chdir(REPOSITORY)
    return load_study(yaml.safe_load((REPOSITORY / "config" / name).read_text()) | changes)


def test_roles_of_the_demo(monkeypatch):
    study = make_study(monkeypatch, "config.yaml")
    roles = find_roles(study)
    assert (roles["natural"], roles["shifted"]) == ("Fashion-IM", ["FashionStudio-IM"])
    assert roles["clarified"] == [["Synset-IM", "Disamb-IM"]]
    assert roles["augmented"] == [["Disamb2.5-IM", "PromptAug-IM"]]
    scales = [["Disamb1.0-IM", 1.0], ["Disamb2.5-IM", 2.5], ["Disamb5.0-IM", 5.0], ["Disamb-IM", 7.5]]
    assert roles["sweeps"] == [scales]
    assert ["PromptAug-PRMT", "PromptAug-IM"] in roles["prompts"]
    assert ["Disamb2.5-PRMT", "Synset-IM"] not in roles["prompts"]
    assert find_prompt_sets(study)["Disamb5.0-IM"] == "Disamb2.5-PRMT"
    assert list_repeated_prompt_sets(study) == ["Disamb2.5-PRMT"]


def test_roles_do_not_depend_on_set_names(monkeypatch):
    study = make_study(monkeypatch, "config.yaml")
    new = {name: f"Set{n}" for n, name in enumerate(study.sets)}
    sets = {new[name]: entry for name, entry in study.sets.items()}
    counts = study.sets["Fashion-IM"].images_per_class.model_copy(update={"selection": None})
    # without classifiers, nothing is chosen
    sets[new["Fashion-IM"]] = study.sets["Fashion-IM"].model_copy(update={"images_per_class": counts})
    renamed = make_study(
        monkeypatch, "config.yaml", sets=sets, experiments={}, classifiers={}, contact_sheets={}, prompt_probes={}
    )

    def rename(value):
        if isinstance(value, list):
            return [rename(one) for one in value]
        return new.get(value, value) if isinstance(value, str) else value

    assert find_roles(renamed) == {role: rename(value) for role, value in find_roles(study).items()}


def test_roles_of_the_imagenet_study_and_of_mixtures(monkeypatch):
    mixtures = {
        "Few": {"parts": [{"set": "Disamb-IM", "images_per_class": 100}]},
        "Both": {"parts": [{"set": "Disamb-IM", "images_per_class": 100}, {"set": "ImageNet-IM"}]},
        "Natural100": {"parts": [{"set": "ImageNet-IM", "images_per_class": 100}]},
    }
    roles = find_roles(make_study(monkeypatch, "imagenet.yaml", mixtures=mixtures))
    assert roles["scaled"] == [["Few", "Disamb-IM"]]
    assert [[scale for _, scale in sweep] for sweep in roles["sweeps"]] == [[1.0, 2.5, 7.5], [1.5, 2.0, 3.5, 5.0, 10.0]]
    assert roles["clarified"] == [["Synset-IM", "Disamb-IM"]]
    assert roles["extended"] == roles["cropped"] == []


def test_roles_of_the_second_study(monkeypatch):
    roles = find_roles(make_study(monkeypatch, "imagenet_sd.yaml"))
    assert roles["extended"] == [["C-IM", "CH-IM"], ["C-IM", "CD-IM"]]
    assert roles["augmented"] == [["CH-IM", "Inside-IM"]]
    assert roles["cropped"] == [["multi-crop", "plain"]]
    assert roles["scaled"] == [[f"Inside{name}-IM", "Inside50x-IM"] for name in ("10x", "20x", "2.0")]
    assert roles["shifted"] == ["ImageNet-v2", "ImageNet-Sketch", "ImageNet-A", "ImageNet-R"]


def draw_correct(share, rng):
    """Draw which of each class's 60 queries are correct: the given share, or one query more or less."""
    counts = np.round(60 * share) + rng.integers(-1, 2, size=CLASSES)
    return np.concatenate([rng.permutation(60) < min(count, 60) for count in counts])


def make_predictions(accuracy, seed, names, cosine):
    """Make an experiment with about the given accuracy in each of eight classes."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(CLASSES), 60)

    def predict(share):
        return pl.Series(np.where(draw_correct(share, rng), ids, (ids + 1) % CLASSES))

    columns = {"class_id": ids, "index": np.arange(len(ids)), "centroid_class": predict(accuracy)}
    columns |= {"knn1_class": predict(accuracy - 0.15), "knn5_class": predict(accuracy - 0.1)}
    columns["cosine"] = cosine + 0.01 * rng.normal(size=len(ids))
    return (*names, pl.DataFrame(columns))


TOP1 = {  # chosen so that each claim has its own answer
    ("Photos", "Photos"): 0.6,
    ("Photos", "Sketches"): 0.5,
    ("Photos", "Plain"): 0.3,
    ("Photos", "Clear"): 0.7,
    ("Photos", "Soft"): 0.5,
    ("Photos", "Many"): 0.5,
    ("Plain", "Photos"): 0.2,
    ("Clear", "Photos"): 0.35,
    ("Clear", "Sketches"): 0.35,
    ("Clear", "Clear"): 0.9,
    ("Soft", "Photos"): 0.5,
    ("Soft", "Soft"): 0.7,
    ("None", "Photos"): 0.3,
    ("Many", "Photos"): 0.4,
    ("Many", "Many"): 0.5,
    ("Few", "Photos"): 0.1,
}
CROPS = {("Photos", "Photos"): 0.65, ("Clear", "Photos"): 0.65}  # of a second classifier
SPREADS = {"Photos": 0.08, "Plain": 0.03, "Clear": 0.02, "Soft": 0.04, "None": 0.1, "Many": 0.06}
MATRIX = {  # reference, query: accuracy and cosine
    ("Clear", "Clear"): (0.8, 0.9),
    ("Words", "Clear"): (0.7, 0.3),
    ("Clear", "Photos"): (0.5, 0.7),
    ("Words", "Photos"): (0.65, 0.25),
}


@pytest.fixture(scope="module")
def evidence():
    rows = [
        make_predictions(accuracy, n, (n + 1, *names), cosine)
        for n, (names, (accuracy, cosine)) in enumerate(MATRIX.items())
    ]
    experiments, per_class = tabulate_experiments(rows, [type("Row", (), {"name": str(n)}) for n in range(CLASSES)])
    rng = np.random.default_rng(5)
    runs, per_class_top1 = [], []
    for (training, evaluation), top1 in TOP1.items():
        correct = draw_correct(top1, rng)
        ids = np.repeat(np.arange(CLASSES), 60)
        head = {"classifier": "small", "train_set": training, "evaluation_set": evaluation, "seed": 1}
        runs.append(
            pl.DataFrame({"class_id": ids, "index": np.arange(len(ids)), "correct_top1": correct}).with_columns(
                **{key: pl.lit(value) for key, value in head.items()}
            )
        )
        per_class_top1 += [{**head, "class_id": n, "top1": correct[ids == n].mean()} for n in range(CLASSES)]
    for (training, evaluation), top1 in CROPS.items():
        head = {"classifier": "crops", "train_set": training, "evaluation_set": evaluation}
        correct = draw_correct(top1, rng)
        per_class_top1 += [{**head, "class_id": n, "top1": correct[ids == n].mean()} for n in range(CLASSES)]
    transfer = pl.DataFrame(
        [
            {"transfer_set": "digits", "encoder": "small", "train_set": name, "compared_with": "Photos"}
            | {"difference": value, "difference_low": value - 0.03, "difference_high": value + 0.03}
            for name, value in (("Clear", -0.05), ("Soft", -0.2))
        ]
    )
    spreads = [
        {"set": name, "metric": "centroid_distance", "split": split, "images_per_class": count, "class_id": n}
        | {"value": value * (1 + 0.01 * rng.normal()) if (split, count) == ("train", 50) else 1 - value}
        for name, value in SPREADS.items()
        for split, count in (("train", 50), ("train", None), ("evaluation", 50))
        for n in range(CLASSES)
    ]
    separable = {"separable": 1.0, "separation_permuted_separable": 0.0, "separation_heldout_accuracy": 0.99}
    metrics = [
        {"set": name, "reference": "Photos", "metric": metric, "split": "train", "value": value}
        for name in ("Words", "Clear")
        for metric, value in separable.items()
    ]
    correlations = {"centroid_distance": (0.9, 0.5, 0.98), "frechet_mean_term": (-0.2, -0.8, 0.6)}
    signs = {"centroid_distance": (0.3, 0.1, 0.6), "frechet_mean_term": (0.1, 0.01, 0.4)}
    outcomes = (("shortfall", "spearman", correlations), ("intervention", "same_sign", signs))
    predictors = [
        {"classifier": "small", "evaluation_set": "Photos", "outcome": outcome, "level": level, "metric": metric}
        | {"n_pairs": 9, "n_signs": 8, column: value, f"{column}_low": low, f"{column}_high": high}
        for outcome, column, found in outcomes
        for metric, (value, low, high) in found.items()
        for level in ("set", "class")
    ]
    differences = compare_trainings(pl.concat(runs))
    return Evidence(
        MatrixEvidence(experiments, per_class, compare_experiments(rows)),
        SetEvidence(pl.DataFrame(metrics), pl.DataFrame(spreads)),
        TrainingEvidence(pl.DataFrame(per_class_top1), differences, pl.DataFrame(predictors), transfer),
    )


EXPECTED = {  # values that follow from the tables above, and verdicts
    "clarified_recognised": [(0.4, "holds")],
    "clarified_training": [(0.15, "holds")],
    "natural_training": [(0.4, "holds"), (0.25, "holds"), (0.1, "holds"), (0.2, "holds")],
    "own_easier": [(0.3, "holds"), (0.1, "holds"), (-0.1, "fails")],
    "guidance_diversity": [(0.06, "holds"), (0.02, "holds")],
    "guidance_training": [(0.15, "holds")],
    "unguided_training": [(0.2, "holds")],
    "guidance_recognised": [(0.2, "holds")],
    "guidance_own_harder": [(0.2, "holds")],
    "augmented_diversity": [(0.02, "holds")],
    "augmented_training": [(-0.1, "fails")],
    "augmented_recognised": [(0.0, "undecided")],
    "augmented_own_harder": [(0.2, "holds")],
    "natural_diversity": [(0.05, "holds"), (0.06, "holds"), (0.04, "holds"), (0.02, "holds")],
    "distance_predicts": [(0.9, "holds"), (0.3, "undecided")],
    "frechet_mean_predicts": [(-0.2, "undecided"), (0.1, "holds")],
    "own_centroids": [(0.1, "holds")],
    "diversity_dominates": [(0.1, "holds")],
    "prompts_beat_images": [(0.15, "holds")],
    "modality_cosines": [(0.6, "holds")],
    "modality_separable": [(0.99, "holds")],
    "knn1_loses": [(0.15, "holds")],
    "knn5_minority": [(0.0, "holds")],
    "shift_gap": [(0.1, "holds")],
    "scaled_training": [(0.25, "holds")],
    "diverse_prompts": [(-0.1, "fails")],
    "dictionary_training": [(0.15, "holds")],
    "crops_training": [(0.3, "holds")],
    "crops_generated": [(0.25, "holds")],
    "transfer_gap": [(0.2, "holds"), (-0.1, "fails")],
}


def test_every_claim_has_its_test_and_a_known_study(evidence):
    assert [claim["id"] for claim in CLAIMS] == list(EXPECTED)
    assert {claim["study"] for claim in CLAIMS} == set(STUDIES)
    with pytest.raises(ValueError, match="no test of the claim 'else'"):
        list(find_comparisons("else", evidence, ROLES))


@pytest.mark.parametrize("name", EXPECTED)
def test_each_claim_compares_the_right_sets_in_the_right_order(evidence, name):
    (claim,) = [claim for claim in CLAIMS if claim["id"] == name]
    table = check_claims([claim], evidence, ROLES, None)
    values, verdicts = zip(*EXPECTED[name], strict=True)
    assert table["value"].to_list() == pytest.approx(values, abs=0.03)
    assert table["verdict"].to_list() == list(verdicts)


def test_swapped_guidance_scales_reverse_the_verdict(evidence):
    (claim,) = [claim for claim in CLAIMS if claim["id"] == "guidance_diversity"]
    swapped = ROLES | {"sweeps": [[["Clear", 2.5], ["Soft", 7.5]]]}
    assert check_claims([claim], evidence, swapped, None)["verdict"].to_list() == ["fails"]


def test_without_classifiers_metrics_or_roles_a_claim_is_not_measured(evidence):
    bare = Evidence(evidence.matrix, SetEvidence(), TrainingEvidence())
    nobody = {role: None if role == "natural" else [] for role in ROLES}
    table = check_claims(CLAIMS, bare, nobody, None)
    assert len(table) == len(CLAIMS)
    measured = table.filter(pl.col("verdict") != "not measured")
    assert measured["claim"].str.starts_with("k-NN").to_list() == [True, True]
    assert table.filter(verdict="not measured")["value"].is_null().all()
    table = check_claims(CLAIMS, bare, ROLES, None)
    claims = {claim["claim"]: claim["id"] for claim in CLAIMS}
    left = {claims[name] for name in table.filter(pl.col("verdict") != "not measured")["claim"]}
    matrix = {"own_centroids", "diversity_dominates", "prompts_beat_images", "modality_cosines"}
    assert left == {"knn1_loses", "knn5_minority"} | matrix


@pytest.mark.parametrize("published", [None, *STUDIES])
def test_published_numbers_are_shown_only_in_their_study(evidence, published):
    table = check_claims(CLAIMS, evidence, ROLES, published)
    shown = set(table.drop_nulls("published")["source"].str.extract('^("[^"]+")'))
    assert shown == ({STUDIES[published]} if published else set())


def test_the_printed_numbers_are_those_of_the_papers_tables():
    """Each printed number of a claim is in another file of resources/paper, or is the error of an accuracy there."""
    tables = [path.read_text() for path in (REPOSITORY / "resources" / "paper").glob("*.csv") if path.stem != "claims"]
    known = {float(text) for table in tables for text in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?![\w.])", table)}
    known |= {round(100 - value, 1) for value in known}
    for claim in CLAIMS:
        if claim["study"] == "diversity_and_diffusion":
            numbers = re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", claim["printed"].replace("top-1", ""))
            assert {float(text) for text in numbers} <= known, claim["id"]


def test_the_demo_shows_no_published_numbers(monkeypatch):
    assert make_study(monkeypatch, "config.yaml").config.published is None
    assert make_study(monkeypatch, "imagenet.yaml").config.published == "diversity_and_diffusion"


def test_the_correction_is_over_the_table(evidence):
    (claim,) = [claim for claim in CLAIMS if claim["id"] == "guidance_own_harder"]
    alone = check_claims([claim], evidence, ROLES, None)
    assert alone["p_adjusted"].to_list() == alone["p_value"].to_list()
    whole = check_claims(CLAIMS, evidence, ROLES, None).drop_nulls("p_value")
    ranked = whole.sort("p_value")
    p_values = ranked["p_value"].to_list()
    expected = [min(p * len(p_values) / (m + 1) for m, p in list(enumerate(p_values))[n:]) for n in range(len(p_values))]
    assert ranked["p_adjusted"].to_list() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("finding", "p_adjusted", "verdict"),
    [
        (Finding("x", 0.2, 0.1, 0.3, 9, 0.001), 0.01, "holds"),
        (Finding("x", -0.2, -0.3, -0.1, 9, 0.001), 0.01, "fails"),
        (Finding("x", 0.2, 0.1, 0.3, 9, 0.04), 0.06, "undecided"),  # not significant after correction
        (Finding("x", 0.2, -0.1, 0.5, 9, 0.01), 0.01, "undecided"),
        (Finding("x", 0.2, 0.0, 0.4, 9, 0.01), 0.01, "undecided"),
        (Finding("x", 0.2), None, "undecided"),
        (Finding("x", -0.2, -0.3, -0.1, sign=-1), None, "holds"),
        (Finding("x", 0.4, 0.3, 0.49, sign=-1, limit=0.5), None, "holds"),
        (Finding("x", 0.6, 0.55, 0.7, sign=-1, limit=0.5), None, "fails"),
        (Finding("x", 1.0, certain=True), None, "holds"),
        (Finding("x", 0.5, certain=False), None, "undecided"),
    ],
)
def test_a_verdict_needs_an_interval_and_a_corrected_p_value(finding, p_adjusted, verdict):
    assert finding.decide(p_adjusted) == verdict


def test_one_class_gives_a_value_and_no_verdict():
    metrics = pl.DataFrame(
        {"set": ["Soft", "Clear"], "metric": "centroid_distance", "split": "train", "images_per_class": 5, "class_id": 0}
        | {"value": [0.3, 0.1]}
    )
    (finding,) = SetEvidence(per_class=metrics).compare_spreads("Soft", "Clear")
    assert finding.value == pytest.approx(0.2)
    assert finding.p_value is None
    assert finding.decide(None) == "undecided"
    assert not math.isnan(finding.value)
