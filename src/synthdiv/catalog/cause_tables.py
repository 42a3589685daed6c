"""The tables of causes: the diagnosis of each class, the split of the error, diversity against error, interventions."""

from __future__ import annotations

from synthdiv.catalog.set_tables import DISTANCE
from synthdiv.catalog.table import (
    CLASS,
    CLASS_OR_ALL,
    Column,
    Table,
    bounded,
    bounds,
    integer,
    number,
    share,
    unbounded,
)

CHAPTER = "Causes"

INTERVENTION = (
    Column("classifier", "classifier that is trained"),
    Column("evaluation_set", "set that it is evaluated on"),
    Column("base", "one training set: that of the two which `train` lists first"),
    Column("changed", "the other training set: the two differ in one setting"),
    Column("setting", "this setting"),
    Column("before", "its value for `base`"),
    Column("after", "its value for `changed`"),
)

CAUSES = (
    Column("set", "generated set that is diagnosed"),
    CLASS[0],
    Column("key", "key of the class"),
    CLASS[1],
    Column("cause", "[suspected cause](../explanation/diagnosis.md#the-causes); `undecided` if `confidence` is below 0.8"),
    Column("suspected", "the suspected cause, even if `cause` is `undecided`"),
    share("confidence", "share of 200 resamples of the evidence that give the same cause"),
    Column("predicted_class", "wrong class that the generated images are most often classified as"),
    share("predicted_class_share", "share of all generated images of the class that are classified as `predicted_class`"),
    integer("n_images", "number of generated images"),
    integer("n_natural", "number of natural evaluation images"),
    share("accuracy", "share of the generated images that are classified correctly"),
    share("natural_accuracy", "the same share for natural evaluation images"),
    share("particular", "share of the wrongly classified images that are classified as `predicted_class`"),
    number("spread_ratio", "Centroid Distance of the generated images, divided by that of natural evaluation images", 0),
    share(
        "prompted",
        "share of the generated images that are nearer to the prompts of their class than to those of any other class",
    ),
    share("natural_prompted", "the same share for natural evaluation images"),
    number("retrieval", "retrieval precision of the class's prompts, divided by that of its natural centroid", 0),
    number("best_retrieval", "the same ratio for the best wording", 0),
    number(
        "retrieved_other",
        "share of `predicted_class` among the images that the prompts retrieve, minus its share among those that the "
        "natural centroid retrieves",
        -1,
        1,
    ),
    share("photographs", "share of the generated images that the encoder classifies as photographs of their class"),
    share("natural_photographs", "the same share for natural evaluation images"),
    Column("best_wording", "best wording: `name`, `name, hypernym` or `name, definition`"),
    Column("best_text", "text of the best wording"),
    Column("domain", "most frequent kind of generated image other than photographs"),
    Column(
        "evidence",
        "indices of up to four training images, evenly spaced from the nearest to the farthest from the class's natural "
        "centroid; separated by spaces",
    ),
)
SPLIT_HEAD = (
    Column("reference", "reference set: a set of prompts, or the natural set"),
    Column("set", "set whose error is split"),
)

TABLES = (
    Table(
        "causes",
        "The suspected cause of each class's shortfall, with the supporting metrics.",
        "generated set and class",
        CAUSES,
        CHAPTER,
        ("csv", "parquet"),
        note=(
            "See [The evidence](../explanation/diagnosis.md#the-evidence). Columns about texts are empty if the first "
            "encoder does not embed texts, or if the set consists of your own embeddings."
        ),
        rule="tabulate_diagnosis",
        part="5 Classes",
    ),
    Table(
        "error_split",
        "Each set's error against a reference, split into its own spread and centroid-shift.",
        "reference set, set and class, and one for all classes",
        (
            *SPLIT_HEAD,
            *CLASS_OR_ALL,
            integer("n_queries", "number of the set's evaluation images"),
            *bounded(share("error", "share of the images whose nearest centroid of the reference is another class's")),
            *bounded(share("own_error", "the same share with the set's own centroids")),
            *bounded(number("shift", "`error` minus `own_error`, which is due to centroid-shift", -1, 1)),
            *unbounded(number("own_share", "`own_error` divided by `error`; empty if there is no error", 0)),
            share("natural_error", "the natural set's `error`; empty without a natural set"),
            share("natural_own_error", "the natural set's `own_error`; empty without a natural set"),
        ),
        CHAPTER,
        note="See [The split of the error](../explanation/diagnosis.md#the-split-of-the-error).",
        rule="tabulate_diagnosis",
        part="4 Diversity and shift",
    ),
    Table(
        "error_terms",
        "The difference to the natural set's accuracy, as a sum of location, spread and shape.",
        "reference set, set and class, and one for all classes",
        (
            *SPLIT_HEAD,
            Column("target", "the natural set, which provides the locations and spreads"),
            *CLASS_OR_ALL,
            integer("n_queries", "number of the set's evaluation images"),
            share("accuracy", "share of the set's images that the reference classifies correctly"),
            share("target_accuracy", "the same share for the natural set"),
            *unbounded(number("difference", "`target_accuracy` minus `accuracy`, the sum of the three terms", -1, 1)),
            *unbounded(number("location", "gain in accuracy if each class had the location of the natural one", -1, 1)),
            *unbounded(number("spread", "gain in accuracy if each class had the spread of the natural one", -1, 1)),
            *unbounded(number("shape", "the rest of the difference", -1, 1)),
        ),
        CHAPTER,
        note="See [The split of the error](../explanation/diagnosis.md#the-split-of-the-error).",
        rule="tabulate_diagnosis",
    ),
    Table(
        "tradeoff",
        "The diversity of each generated set, and how many of its images have semantic errors or another visual domain.",
        "generated set, and one for the natural set",
        (
            Column("set", "the set; the natural one comes first"),
            Column("first_prompt", "prompt of the set's first image; empty for the natural set"),
            number("guidance_scale", "guidance scale of the set; empty for the natural set", 0),
            DISTANCE,
            *bounds("centroid_distance"),
            integer("n_images", "number of images behind `semantic_error` and `other_domain`"),
            *bounded(share("semantic_error", "share of images that are not nearest to the natural centroid of their class")),
            *bounded(
                share(
                    "other_domain",
                    "share of images that the encoder does not classify as photographs of their class; empty if the encoder "
                    "does not embed texts",
                )
            ),
        ),
        CHAPTER,
        note=(
            "See [Diversity against error](../explanation/definitions.md#diversity-against-error). The shares of the "
            "natural set are over its evaluation images."
        ),
        rule="tabulate_tradeoff",
        part="4 Diversity and shift",
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
        part="5 Classes",
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
