"""The tables of what settings are worth: the choice of a training set, interventions, and accounts."""

from __future__ import annotations

from synthdiv.catalog.table import CLASS, Column, Table, bounds, integer, number, share, unbounded

CHAPTER = "What settings are worth"

INTERVENTION = (
    Column("classifier", "classifier that is trained"),
    Column("evaluation_set", "set that it is evaluated on"),
    Column("base", "one training set: that of the two which `train` lists first"),
    Column("changed", "the other training set: the two differ in one setting"),
    Column("setting", "this setting"),
    Column("before", "its value for `base`"),
    Column("after", "its value for `changed`"),
)

TABLES = (
    Table(
        "selection",
        "The training sets without natural images, compared with the best of them.",
        "classifier and training set",
        (
            Column("classifier", "classifier that is trained"),
            Column("selection_set", "natural set on whose selection split they are compared"),
            Column("train_set", "training set"),
            integer("n_images", "number of images of the selection split"),
            integer("n_seeds", "number of training seeds"),
            share("top1", "top-1 on these images, averaged over seeds"),
            number("difference", "`top1` minus that of the best set", -1, 0),
            *bounds("difference"),
            Column("best", "whether it is the best set, the anchor of the accounts", "boolean"),
        ),
        CHAPTER,
        note=(
            "These images choose, and no evaluation image does: see [Accounts](../explanation/diagnosis.md#accounts). "
            "Intervals cover other images and training runs."
        ),
        rule="choose_training_sets",
    ),
    Table(
        "accounts",
        "The shortfall of each training set, divided into what interventions cost and what none has priced.",
        "classifier, evaluation set, training set and step",
        (
            Column("classifier", "classifier that is trained"),
            Column("evaluation_set", "set that it is evaluated on"),
            Column("natural", "training set of natural images, where the steps start; empty if there is none"),
            Column("anchor", "best set on the selection split, through which the steps lead"),
            Column("train_set", "training set, where the steps end"),
            integer("step", "number of the step; 0 is the total"),
            Column(
                "kind", "`total`, `not priced`, `intervention` or `interaction`; the second and third add up to the first"
            ),
            Column("base", "training set before the step; empty for means over orders"),
            Column("changed", "training set after it"),
            Column("setting", "setting that changes"),
            Column("before", "its value before"),
            Column("after", "its value after"),
            Column("acts_on", "what a change of this setting acts on"),
            Column("order", "`in this order` if settings in another order may give other steps; `mean over orders` of all"),
            integer("n_images", "number of evaluation images"),
            integer("n_seeds", "number of training seeds (of the set with the fewest)"),
            *unbounded(number("gain", "change of top-1 by the step; negative where accuracy is lost")),
            Column("note", "for a step that is not priced, which training set more would price it"),
        ),
        CHAPTER,
        note="See [Accounts](../explanation/diagnosis.md#accounts).",
        rule="tabulate_accounts",
        part="8 Classifiers",
    ),
    Table(
        "interventions",
        "What training gains from each intervention: a change of one setting between two training sets.",
        "classifier, evaluation set and intervention",
        (
            *INTERVENTION,
            Column("acts_on", "what a change of this setting acts on; empty for other settings, and for your own"),
            integer("n_images", "number of evaluation images"),
            integer("n_seeds", "number of training seeds (of the set with fewer)"),
            share("top1_before", "top-1 after training on `base`, averaged over seeds"),
            share("top1_after", "top-1 after training on `changed`"),
            *unbounded(number("gain", "`top1_after` minus `top1_before`", -1, 1)),
            share("p_value", "p-value of no gain"),
            share(
                "p_adjusted",
                "p-value adjusted by Holm's method for the classifier's interventions; only on its first evaluation set",
            ),
            Column("differs", "whether `p_adjusted` is below 0.05", "boolean"),
            number("reliability", "mean rank correlation of the classes' gains between seeds, on the same images", -1, 1),
        ),
        CHAPTER,
        note=(
            "See [Interventions](../explanation/diagnosis.md#interventions). Intervals cover other images and training "
            "runs; without several seeds they are empty. `interventions_by_class.parquet` has the classes."
        ),
        rule="tabulate_interventions",
        part="8 Classifiers",
    ),
    Table(
        "interventions_by_class",
        "What each class gains from each intervention.",
        "classifier, evaluation set, intervention and class",
        (
            *INTERVENTION,
            CLASS[0],
            integer("n_images", "number of evaluation images of the class"),
            share("recall_before", "share of them that are classified correctly after training on `base`"),
            share("recall_after", "the same share after training on `changed`"),
            *unbounded(number("gain", "`recall_after` minus `recall_before`", -1, 1)),
            number("gain_shrunk", "`gain`, shrunk towards that of the whole set as far as it is noise", -1, 1),
            number("log_loss_gain", "fall of the images' mean log loss"),
            number("log_loss_gain_shrunk", "`log_loss_gain`, shrunk towards that of the whole set as far as it is noise"),
            integer("less_predicted", "wrong class that its images are predicted as less often, most of all"),
            integer("more_predicted", "wrong class that its images are predicted as more often, most of all"),
            number("less_predicted_change", "change of the share of its images with `less_predicted`", -1, 0),
            number("more_predicted_change", "change of the share of its images with `more_predicted`", 0, 1),
        ),
        CHAPTER,
        ("parquet",),
        note="A class's gain may be another's loss: recall moves between classes, so their gains are no shares of a total.",
        rule="tabulate_interventions",
    ),
)
