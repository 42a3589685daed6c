"""The tables of trained classifiers, and of the predictors of what training gains or loses."""

from __future__ import annotations

from synthdiv.catalog.table import (
    CLASS,
    OVER_RUNS,
    Column,
    Table,
    bounded,
    bounds,
    differences,
    integer,
    number,
    share,
)

CHAPTER = "Trained classifiers"

CLASSIFIER = Column("classifier", "classifier, an entry of the config's `classifiers`")
TRAIN_SET = Column("train_set", "set or mixture that it is trained on")
EVALUATION_SET = Column("evaluation_set", "set whose evaluation images are classified")
SEED = integer("seed", "seed of the training; empty for a pretrained classifier", None)
N_SEEDS = integer("n_seeds", "number of seeds")
N_EVALUATION = integer("n_evaluation", "number of evaluation images")
TOP1 = share("top1", "share of images whose class is the most likely one")
TOP5 = share("top5", "share of images whose class is among the five most likely ones")
CALIBRATION = share("calibration_error", "[expected calibration error](../explanation/definitions.md#trained-classifiers)")
DEVIATION = number("top1_deviation", "standard deviation of `top1` between seeds; empty for a single seed", 0, 1)
OUTCOME = Column(
    "outcome",
    "what is predicted: the `shortfall` from the natural training set, or the gain of an `intervention`",
)

TABLES = (
    Table(
        "classifiers",
        "The accuracy of each trained classifier.",
        "classifier, training set, seed and evaluation set",
        (
            CLASSIFIER,
            TRAIN_SET,
            SEED,
            integer("n_train", "number of training images"),
            integer("steps", "number of training steps"),
            number("epochs", "number of training epochs", 0),
            Column("held_fixed", "which of these two the recipe sets: `steps` or `epochs`"),
            EVALUATION_SET,
            N_EVALUATION,
            *bounded(TOP1),
            *bounded(TOP5),
            CALIBRATION,
        ),
        CHAPTER,
        ("csv", "parquet"),
        note=(
            "A pretrained classifier has no seed, training images, steps or epochs, and one that was trained elsewhere only "
            "a seed. `top5` and `calibration_error` are empty if its predictions lack what they need."
        ),
        rule="tabulate_classifiers",
    ),
    Table(
        "classifier_means",
        "The accuracy of classifiers, as means over seeds.",
        "classifier, training set and evaluation set",
        (
            CLASSIFIER,
            TRAIN_SET,
            EVALUATION_SET,
            N_SEEDS,
            integer("n_train", "number of training images; empty for a pretrained classifier"),
            N_EVALUATION,
            *bounded(share("top1", "mean of `top1` over seeds")),
            *bounded(share("top5", "mean of `top5` over seeds")),
            DEVIATION,
            number("top5_deviation", "standard deviation of `top5` between seeds; empty for a single seed", 0, 1),
            share("calibration_error", "mean of the calibration error over seeds"),
        ),
        CHAPTER,
        note="Bounds are for other images, with the same trained classifiers.",
        rule="tabulate_classifiers",
        part="8 Classifiers",
    ),
    Table(
        "classifier_differences",
        "Comparisons of training sets.",
        "classifier, evaluation set and pair of training sets",
        (
            CLASSIFIER,
            EVALUATION_SET,
            Column("train_set_a", "first training set"),
            Column("train_set_b", "second training set"),
            *differences("`top1` with `train_set_a` minus `top1` with `train_set_b`, paired by image"),
        ),
        CHAPTER,
        note=f"{OVER_RUNS} p-values are corrected over the rows of a classifier and evaluation set.",
        rule="tabulate_classifiers",
    ),
    Table(
        "shift_gaps",
        "The advantage of training on natural images, on each evaluation set.",
        "classifier, evaluation set, training set and metric",
        (
            CLASSIFIER,
            EVALUATION_SET,
            Column("train_set", "training set that is compared with the natural one"),
            Column("metric", "`top1` or `top5`"),
            share("natural", "the metric after training on the natural set"),
            share("generated", "the metric after training on this set"),
            *differences("`natural` minus `generated`, paired by image"),
            number("relative_gap", "`difference` divided by `natural`; empty if `natural` is 0", None, 1),
        ),
        CHAPTER,
        note=f"{OVER_RUNS} p-values are corrected over the rows of a classifier and evaluation set.",
        rule="tabulate_classifiers",
        part="8 Classifiers",
    ),
    Table(
        "classifiers_per_class",
        "The accuracy of classifiers for single classes.",
        "classifier, training set, evaluation set and class",
        (
            CLASSIFIER,
            TRAIN_SET,
            EVALUATION_SET,
            CLASS[0],
            N_SEEDS,
            integer("n_evaluation", "number of the class's evaluation images"),
            *bounded(share("top1", "mean of the class's `top1` over seeds")),
            CLASS[1],
        ),
        CHAPTER,
        ("parquet",),
        rule="tabulate_classifiers",
    ),
    Table(
        "classifier_confusion",
        "Which classes the classifiers confuse.",
        "classifier, training set, evaluation set, class and predicted class",
        (
            CLASSIFIER,
            TRAIN_SET,
            EVALUATION_SET,
            CLASS[0],
            integer("predicted", "number of the predicted class"),
            integer("n_images", "number of the class's images with this prediction, summed over seeds", 1),
        ),
        CHAPTER,
        ("parquet",),
        rule="tabulate_classifiers",
    ),
    Table(
        "predictors",
        "Metrics known before training, as predictors of shortfalls and of the gains of interventions.",
        "classifier, outcome, level and metric",
        (
            CLASSIFIER,
            Column("evaluation_set", "first set that the classifier is evaluated on"),
            OUTCOME,
            Column("level", "what a point is: a pair of training sets (`set`), or a `class` of such a pair"),
            Column("metric", "metric that is known before training"),
            integer("n_pairs", "number of pairs of training sets"),
            integer("n_points", "number of points"),
            number(
                "spearman",
                "Spearman's rank correlation between the change of the metric and the gain in `top1` over the points; empty "
                "for fewer than three points, or if either is always the same",
                -1,
                1,
            ),
            *bounds("spearman", -1, 1),
            integer("n_signs", "number of pairs in which neither the metric nor `top1` stays the same"),
            *bounded(
                share(
                    "same_sign",
                    "share of these pairs in which both rise or both fall: near 0 if a lower value is better, and near 0.5 "
                    "if the metric predicts nothing",
                )
            ),
        ),
        CHAPTER,
        note=(
            "See [Predictors](../explanation/definitions.md#predictors). For each classifier, outcome and level, metrics "
            "whose interval is the farthest from predicting nothing come first. The last four columns are only for "
            "interventions on whole sets. `predictor_points.parquet` has the points."
        ),
        rule="rank_predictors",
        part="8 Classifiers",
    ),
    Table(
        "predictor_points",
        "The changes of metrics and the gains in accuracy that are correlated.",
        "classifier, outcome, pair of training sets, level, metric and, at the level of classes, class",
        (
            CLASSIFIER,
            Column("evaluation_set", "first set that the classifier is evaluated on"),
            OUTCOME,
            Column("base", "training set that the other one is compared with: the natural set, or that of an intervention"),
            Column("train_set", "the other training set"),
            Column("level", "`set` or `class`"),
            integer("class_id", "number of the class; empty at the level of sets"),
            Column("metric", "metric that is known before training"),
            number(
                "change",
                "the metric of `train_set` or its class minus that of `base`, with the first encoder; the metric itself if "
                "the natural set has no value",
            ),
            number(
                "gain",
                "top-1 (of all classes, or of this class) after training on `train_set` minus that after training on "
                "`base`, means over seeds; minus the shortfall if `base` is the natural set",
                -1,
                1,
            ),
        ),
        CHAPTER,
        ("parquet",),
        rule="rank_predictors",
    ),
    Table(
        "exchange_rate",
        "How many natural images the synthetic ones replace.",
        "classifier and training set that is a mixture or a set in a mixture",
        (
            CLASSIFIER,
            TRAIN_SET,
            Column("evaluation_set", "first set that the classifier is evaluated on"),
            integer("n_natural", "number of natural training images"),
            integer("n_synthetic", "number of synthetic training images"),
            Column("synthetic", "number of synthetic images from each set, such as `400 Reworded-IM + 600 Synset-IM`"),
            N_SEEDS,
            *bounded(share("top1", "mean of `top1` over seeds")),
            DEVIATION,
            number(
                "worth_natural",
                "[number of natural images](../explanation/definitions.md#trained-classifiers) that alone give the same "
                "`top1`; empty outside the measured range",
                0,
            ),
        ),
        CHAPTER,
        rule="measure_exchange_rate",
    ),
)
