"""The summary: every sentence is from the tables, and results that are not beyond noise have none."""

import polars as pl

from synthdiv.core.tables import read_table
from synthdiv.diagnosis.suspicions import SCHEMA as SUSPICIONS
from synthdiv.report.summary import (
    summarise_audit,
    summarise_claims,
    summarise_classifiers,
    summarise_diversity,
    summarise_experiments,
    summarise_interventions,
    summarise_leakage,
    summarise_leaked_accuracy,
    summarise_split,
    summarise_suspicions,
    summarise_transfer,
)

EXPERIMENTS = pl.DataFrame(
    {
        "experiment": [1, 2, 3, 4],
        "reference": ["N", "A", "B", "N"],
        "query": ["N", "N", "N", "A"],
        "centroid_accuracy": [0.75, 0.6, 0.74, 0.5],
        "centroid_accuracy_low": [0.7, 0.55, 0.69, 0.45],
        "centroid_accuracy_high": [0.8, 0.65, 0.79, 0.55],
    }
)
DIFFERENCES = pl.DataFrame(
    {
        "metric": ["centroid_accuracy"] * 2 + ["mean_cosine"],
        "experiment_a": [1, 1, 1],
        "experiment_b": [2, 3, 3],
        "difference": [0.15, 0.01, 0.2],
        "difference_low": [0.1, -0.02, 0.1],
        "difference_high": [0.2, 0.04, 0.3],
        "differs": [True, False, True],
    }
)


def test_differences_have_their_sign_and_are_reported_only_beyond_noise():
    sentences = summarise_experiments(EXPERIMENTS, DIFFERENCES, "N")
    assert sentences == [
        "Class centroids of N recognise 75.0 % [70.0, 80.0] of its own images.",
        "Those of A recognise 60.0 %: -15.0 points [-20.0, -10.0].",
    ]
    swapped = DIFFERENCES.rename({"experiment_a": "experiment_b", "experiment_b": "experiment_a"})
    assert summarise_experiments(EXPERIMENTS, swapped, "N")[1] == "Those of A recognise 60.0 %: +15.0 points [10.0, 20.0]."
    assert summarise_experiments(EXPERIMENTS, DIFFERENCES, "A") == []


def test_diversity_is_reported_if_intervals_do_not_overlap():
    table = pl.DataFrame(
        {
            "set": ["N", "A", "B", "A"],
            "split": ["train"] * 3 + ["evaluation"],
            "centroid_distance": [0.1, 0.02, 0.09, 0.5],
            "centroid_distance_low": [0.09, 0.01, 0.08, 0.4],
            "centroid_distance_high": [0.11, 0.03, 0.1, 0.6],
        }
    )
    assert summarise_diversity(table, "N") == [
        "Images of A are less varied than those of N: typically 31° from their class centroid, against 47° "
        "(Centroid Distance 0.0200 [0.0100, 0.0300] against 0.1000)."
    ]


def test_shift_is_reported_if_it_is_above_zero():
    table = pl.DataFrame(
        {
            "reference": ["P", "P", "P", "Q"],
            "set": ["A", "B", "A", "A"],
            "class_id": [None, None, 0, None],
            "error": [0.3, 0.3, 0.9, 0.8],
            "error_low": [0.25] * 4,
            "error_high": [0.35] * 4,
            "own_error": [0.2] * 4,
            "shift": [0.1] * 4,
            "shift_low": [0.05, -0.01, 0.5, 0.5],
            "shift_high": [0.15] * 4,
        }
    )
    (sentence,) = summarise_split(table, "N", "P")
    assert sentence.startswith("30.0 % [25.0, 35.0] of A's images")
    assert "10.0 points [5.0, 15.0] are centroid-shift, 20.0 points are also wrong by" in sentence


def test_interventions_are_reported_even_if_they_gain_nothing():
    table = pl.DataFrame(
        {
            "classifier": ["c"] * 3,
            "evaluation_set": ["N", "N", "M"],
            "base": ["A", "B", "A"],
            "changed": ["B", "C", "B"],
            "setting": ["prompts", "guidance_scale", "prompts"],
            "before": ["synset", "7.5", "synset"],
            "after": ["disamb", "5.0", "disamb"],
            "gain": [0.075, -0.01, 0.2],
            "gain_low": [0.05, -0.03, 0.1],
            "gain_high": [0.1, 0.01, 0.3],
            "p_adjusted": [0.001, 0.4, None],
            "differs": [True, False, None],
        }
    )
    assert summarise_interventions(table) == [
        "prompts, synset to disamb (A to B): +7.5 points [5.0, 10.0] of c's accuracy on N.",
        "guidance_scale, 7.5 to 5.0 (B to C): -1.0 points [-3.0, 1.0] of c's accuracy on N, not beyond noise.",
    ]
    empty = pl.lit(None)
    alone = table.head(1).with_columns(gain_low=empty, gain_high=empty, p_adjusted=empty, differs=empty)
    (sentence,) = summarise_interventions(alone)
    assert "+7.5 points of c's accuracy on N (no interval: it needs several training seeds)." in sentence


def test_suspicions_are_reported_with_their_classes_and_their_test():
    causes = pl.DataFrame(
        {
            "set": ["A"] * 4,
            "class_id": [0, 1, 2, 3],
            "name": ["crane", "jay", "nail", "mortar"],
            "cause": ["ambiguity", "none", "diversity", "not tested"],
            "further_causes": ["diversity", None, "visual domain", None],
            "predicted_class": ["machine", "bird", "screw", "pestle"],
            "predicted_class_share": [0.9, 0.0, 0.1, 0.5],
            "best_text": ["crane, bird", "jay", "nail", "mortar"],
            "spread_ratio": [0.5, 1.0, 0.125, 1.0],
            "repeated": [0.0, 0.0, 0.75, 0.0],
            "natural_repeated": 0.02,
        }
    )
    tested = {"classifier": "c", "tested_by": "B", "setting": "guidance_scale", "before": "7.5", "after": "5", "gain": 0.03}
    tested |= {"gain_low": 0.01, "gain_high": 0.05, "verdict": "right"}
    suspicions = pl.DataFrame(
        [
            {"set": "A", "cause": "ambiguity", "n_classes": 4, "test": "clarify their prompts", "n_images": 2000},
            {"set": "A", "cause": "diversity", "n_suspected": 2, "n_classes": 4} | tested,
            {"set": "A", "cause": "visual domain", "n_classes": 4, "test": "use another model"},
        ],
        schema=SUSPICIONS,
    )
    first, second, third = summarise_suspicions(suspicions, causes, None, {})
    crane = "crane (classified as machine, 90.0 %; “crane, bird” retrieves the class)"
    assert first == f"A: ambiguity in 1 of 4 classes: {crane}. To test it: clarify their prompts (2,000 images)."
    assert second == (
        "A: diversity in 2 of 4 classes: crane (0.50 times the natural spread), nail (0.12 times the natural spread, 75.0 % "
        "repeated). Tested by B (guidance_scale, 7.5 to 5): +3.0 points [1.0, 5.0] of the 2 suspected classes for c: the "
        "suspicion was right."
    )
    assert third == "A: visual domain in 1 of 4 classes: nail. To test it: use another model."
    noise = suspicions.with_columns(verdict=pl.lit("not beyond noise"))
    assert "for c, not beyond noise." in summarise_suspicions(noise, causes, None, {})[1]
    worse = suspicions.with_columns(verdict=pl.lit("confounded"), also_worse=pl.lit("wrong images"))
    assert "but more of them are suspected of wrong images: no verdict." in summarise_suspicions(worse, causes, None, {})[1]


def test_trainings_are_compared_with_the_natural_one():
    means = pl.DataFrame(
        {
            "classifier": ["c"] * 4,
            "train_set": ["N", "A", "B", "A"],
            "evaluation_set": ["N", "N", "N", "A"],
            "top1": [0.8, 0.4, 0.79, 0.9],
            "top1_low": [0.75] * 4,
            "top1_high": [0.85] * 4,
        }
    )
    differences = pl.DataFrame(
        {
            "classifier": ["c", "c"],
            "evaluation_set": ["N", "N"],
            "train_set_a": ["N", "N"],
            "train_set_b": ["A", "B"],
            "difference": [0.4, 0.01],
            "difference_low": [0.3, -0.01],
            "difference_high": [0.5, 0.02],
            "differs": [True, False],
        }
    )
    assert summarise_classifiers(means, differences, "N")[1:] == ["Trained on A: 40.0 %, -40.0 points [-50.0, -30.0]."]


def test_transfer_is_reported_if_it_differs():
    bounds = {"top1_low": 0.7, "top1_high": 0.9, "difference_low": 0.01, "difference_high": 0.03}
    means = pl.DataFrame(
        [
            {"train_set": "N", "top1": 0.8, "difference": None, "differs": None},
            {"train_set": "A", "top1": 0.82, "difference": 0.02, "differs": True},
            {"train_set": "B", "top1": 0.79, "difference": -0.01, "differs": False},
        ]
    ).with_columns(transfer_set=pl.lit("digits"), encoder=pl.lit("c"), **{k: pl.lit(v) for k, v in bounds.items()})
    assert summarise_transfer(means, "N") == [
        "On digits, frozen features of c trained on N reach 80.0 % [70.0, 90.0].",
        "On digits, c trained on A: 82.0 %, +2.0 points [1.0, 3.0].",
    ]


def test_a_single_training_set_has_no_differences(tmp_path):
    header = "classifier,evaluation_set,train_set_a,train_set_b,difference,difference_low,difference_high,differs\n"
    (tmp_path / "differences.csv").write_text(header)
    means = pl.DataFrame(
        {
            "classifier": ["c"],
            "train_set": ["N"],
            "evaluation_set": ["N"],
            "top1": [0.8],
            "top1_low": [0.75],
            "top1_high": [0.85],
        }
    )
    sentences = summarise_classifiers(means, read_table(str(tmp_path / "differences.csv")), "N")
    assert sentences == ["c trained on N reaches 80.0 % [75.0, 85.0] on its evaluation images."]


def test_each_claim_has_one_sentence():
    claims = pl.DataFrame(
        {
            "claim": ["Less guidance is more varied."] * 3 + ["Prompts separate", "Varied prompts train better", "Else"],
            "source": ["A, Section 1"] * 3 + ["A, Section 2", "A, Table 2", "A"],
            "value": [0.02, 0.04, 0.0, None, -0.05, 0.1],
            "low": [0.01, 0.03, -0.1, None, -0.08, -0.1],
            "high": [0.03, 0.05, 0.1, None, -0.02, 0.2],
            "verdict": ["holds", "holds", "undecided", "holds", "fails", "undecided"],
        }
    )
    assert summarise_claims(claims) == [
        "Less guidance is more varied (A, Section 1): of 3 comparisons, holds in 2 (0.020 to 0.040); "
        "undecided in 1 (0.000 [-0.100, 0.100]).",
        "Prompts separate (A, Section 2): of 1 comparison, holds in 1.",
        "Varied prompts train better (A, Table 2): of 1 comparison, fails in 1 (-0.050 [-0.080, -0.020]).",
    ]


def test_only_contradictions_of_the_audit_are_reported():
    audit = pl.DataFrame(
        {
            "source": ["this study", "paper"],
            "check": ["means", "identity"],
            "where": ["x", "row 8"],
            "verdict": ["note", "contradiction"],
            "reason": ["about", "off by 7 %"],
        }
    )
    assert summarise_audit(audit) == ["paper, identity, row 8: off by 7 %"]


def make_leakage(**changes):
    row = {"set": "N", "split": "evaluation", "other_set": "N", "other_split": "train", "n_images": 200, "n_exact": 2}
    row |= {"n_near": 1, "n_crops": 1, "n_duplicates": 4, "duplicate_share": 0.02, "correlation_limit": 0.9}
    return row | {"duplicate_share_low": 0.008, "duplicate_share_high": 0.05} | changes


def test_leaked_images_come_first_and_say_how_they_were_found():
    rows = [
        make_leakage(split="train", n_near=0, n_crops=0),
        make_leakage(set="A", split="train"),
        make_leakage(),
        make_leakage(set="B", n_duplicates=0),
        make_leakage(set="U", other_set="U", n_near=0, n_crops=0, correlation_limit=None),
    ]
    assert summarise_leakage(pl.DataFrame(rows)) == [
        "2.0 % [0.8, 5.0] of the evaluation images of N are also in the training split of N: 2 as the same file, 1 as the "
        "same picture, 1 as a crop (of 200).",
        "2.0 % [0.8, 5.0] of the evaluation images of U are also in the training split of U: 2 with an equal vector (of "
        "200).",
        "2.0 % [0.8, 5.0] of the training images of A are also natural images of N's training split: 2 as the same file, 1 "
        "as the same picture, 1 as a crop (of 200).",
        "2.0 % [0.8, 5.0] of the training images of N are there more than once: 2 as the same file (of 200).",
    ]


def test_without_leaked_images_the_summary_says_so():
    assert summarise_leakage(pl.DataFrame([make_leakage(n_duplicates=0)])) == [
        "No image is in two of the compared splits, or twice in one."
    ]


def test_accuracies_with_leaked_images_are_reported_without_them():
    head = {"classifier": "c", "train_set": "A", "evaluation_set": "N", "n_evaluation": 100, "top1": 0.9}
    rows = [
        head | {"n_leaked": 10, "top1_without": 0.8, "top1_without_low": 0.7, "top1_without_high": 0.87},
        head | {"n_leaked": 0, "top1_without": 0.9, "top1_without_low": 0.8, "top1_without_high": 0.95},
        head | {"n_leaked": 100, "top1_without": None, "top1_without_low": None, "top1_without_high": None},
    ]
    begin = "c trained on A was trained on {} of the 100 evaluation images of N: it reaches 90.0 % with them, "
    assert summarise_leaked_accuracy(pl.DataFrame(rows)) == [
        begin.format(10) + "80.0 % [70.0, 87.0] without them.",
        begin.format(100) + "no image is left without them.",
    ]
