"""The tables of transfer to other tasks, and of the classifiers' features."""

from __future__ import annotations

from synthdiv.catalog.classifier_tables import CLASSIFIER, DEVIATION, N_EVALUATION, N_SEEDS, SEED
from synthdiv.catalog.table import OVER_RUNS, Column, Columns, Table, bounded, differences, integer, number, share

CHAPTER = "Transfer and features"

KEYS: Columns = (
    Column("transfer_set", "set that the features are tested on"),
    Column("encoder", "encoder or classifier whose frozen features are tested"),
    Column("train_set", "set or mixture that the classifier is trained on; empty for an encoder"),
)
SIZES: Columns = (
    integer("n_classes", "number of classes of the transfer set"),
    integer("n_train", "number of images that the regression is fitted to: the training and the validation split"),
    N_EVALUATION,
)

TABLES = (
    Table(
        "transfer",
        "The accuracy of frozen features on transfer sets.",
        "transfer set, encoder or classifier, training set and seed",
        (
            *KEYS,
            integer("seed", "seed of the classifier's training; empty for encoders and pretrained classifiers", None),
            *SIZES,
            integer("d", "number of dimensions of the features", 1),
            *bounded(share("top1", "share of evaluation images that are classified correctly")),
            number("C", "chosen C, the inverse regularisation strength", 0),
            integer("trials", "number of values of C that were compared"),
            share("validation_top1", "top-1 on the validation split at the chosen C; empty if no values were compared"),
            Column("converged", "whether the final fit converged", "boolean"),
            integer("trials_not_converged", "number of trials whose fit did not converge"),
        ),
        CHAPTER,
        note="See [Transfer](../explanation/definitions.md#transfer).",
        rule="tabulate_transfer",
    ),
    Table(
        "transfer_means",
        "The accuracy of each encoder's frozen features on transfer sets, as means over seeds.",
        "transfer set, encoder or classifier, and training set",
        (
            *KEYS,
            N_SEEDS,
            *SIZES,
            *bounded(share("top1", "mean of `top1` over seeds")),
            DEVIATION,
            Column("compared_with", "natural training set that the row is compared with; empty if it is not compared"),
            *differences("`top1` minus that of `compared_with`, paired by image"),
        ),
        CHAPTER,
        note="Bounds of `top1` are for other images, with the same encoders. p-values are corrected over all rows with a "
        f"difference. {OVER_RUNS}",
        rule="tabulate_transfer",
        part="8 Classifiers",
    ),
    Table(
        "feature_statistics",
        "Statistics of each classifier's features of natural images.",
        "classifier, training set, seed and statistic",
        (
            CLASSIFIER,
            Column("train_set", "set or mixture that it is trained on"),
            Column("image_set", "set of natural images whose features are measured"),
            SEED,
            Column("statistic", "[statistic](../explanation/definitions.md#features)"),
            number("value", "the statistic; empty for the intra-class distance if no class has two images", 0),
            number("low", "bounds of `value`"),
            number("high", "bounds of `value`"),
            Column("definition", "definition of the statistic"),
            number("threshold", "for sparsity: greatest magnitude that counts as zero", 0),
            number("eps", "for coding length: precision of the coding", 0),
            integer("d", "number of dimensions of the features", 1),
            integer("n_dead", "number of dimensions that are constant over all images"),
            integer("n_classes", "number of classes of the images"),
            integer("n_images", "number of images"),
        ),
        CHAPTER,
        rule="tabulate_features",
        part="8 Classifiers",
    ),
)
