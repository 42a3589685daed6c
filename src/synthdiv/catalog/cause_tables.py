"""The tables of causes: the diagnosis of each class, the split of the error, diversity against error."""

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

DEVIATIONS = {
    "wrong_images": "more images of other classes than among natural images",
    "diversity": "less spread than natural images have, or more repeated images",
    "visual_domain": "another location than natural images have",
}
CAUSES = (
    Column("set", "generated set that is diagnosed"),
    CLASS[0],
    Column("key", "key of the class"),
    CLASS[1],
    Column(
        "cause",
        "first [suspected cause](../explanation/diagnosis.md#the-causes); `none`; or `not tested`, if nothing is suspected "
        "and the class has too few images for a test",
    ),
    Column("further_causes", "other suspected causes, separated by commas"),
    share("confidence", "share of 200 resamples in which wrong images are of the same kind; empty without wrong images"),
    Column("predicted_class", "wrong class that the generated images are most often classified as"),
    share("predicted_class_share", "share of all generated images of the class that are classified as `predicted_class`"),
    integer("n_images", "number of generated images"),
    integer("n_natural", "number of natural evaluation images"),
    integer("n_distinct", "number of generated images that repeat no earlier one"),
    integer("n_spread", "number of correct images of each group whose spread is compared"),
    share("accuracy", "share of the generated images that are classified correctly"),
    share("natural_accuracy", "the same share for natural evaluation images"),
    share("repeated", "share of generated images that are as near to another as the two nearest natural images are"),
    share("natural_repeated", "the same share for natural images"),
    number("spread", "mean angle of correct generated images with the centroid of the others", 0, unit="radians"),
    number("natural_spread", "the same angle for natural evaluation images", 0, unit="radians"),
    *unbounded(number("spread_ratio", "`spread` divided by `natural_spread`", 0)),
    number(
        "displacement", "angle between the centroids of correct generated and natural training images", 0, unit="radians"
    ),
    number("natural_displacement", "the same angle for natural evaluation images", 0, unit="radians"),
    *(
        share(f"p_{name}", f"adjusted p-value of {test}; empty if there are too few images")
        for name, test in DEVIATIONS.items()
    ),
    share(
        "prompted",
        "share of the generated images that are nearer to the prompts of their class than to those of any other class",
    ),
    share("natural_prompted", "the same share for natural evaluation images"),
    share("retrieval", "share of the class among the natural images that its prompts retrieve"),
    share("natural_retrieval", "the same share for the class's natural centroid"),
    share("best_retrieval", "the same share for the best wording"),
    share("retrieved_other", "share of `predicted_class` among the images that the prompts retrieve"),
    share("natural_retrieved_other", "the same share for the class's natural centroid"),
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
        "The suspected causes of each class's shortfall, with the supporting metrics.",
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
        "deviations",
        "How each set deviates from natural images, as a whole.",
        "generated set and kind of deviation",
        (
            Column("set", "generated set that is diagnosed"),
            Column("deviation", "[kind of deviation](../explanation/diagnosis.md#the-evidence)"),
            integer("n_classes", "number of classes that were tested"),
            integer("n_suspected", "number of classes with this deviation"),
            number("value", "mean over classes of the compared value of generated images", 0),
            number("natural_value", "mean over classes of the compared value of natural images", 0),
            share("p_value", "Simes' p-value over the classes; empty if none was tested"),
            share("p_adjusted", "its false discovery rate over sets and kinds of deviation"),
            Column("is_suspected", "whether `p_adjusted` is below 0.05", "boolean"),
        ),
        CHAPTER,
        note=(
            "The compared values are, in the order of the rows of a set, the columns `accuracy`, `spread` "
            "and `displacement` of `causes.csv`, and those of natural images."
        ),
        rule="tabulate_diagnosis",
        part="5 Classes",
    ),
    Table(
        "suspicions",
        "The suspected causes of each set, and what tests each.",
        "generated set, suspected cause and classifier that has tested it",
        (
            Column("set", "generated set"),
            Column("cause", "[suspected cause](../explanation/diagnosis.md#the-causes)"),
            integer("n_suspected", "number of classes with this cause"),
            integer("n_classes", "number of classes"),
            share("p_adjusted", "false discovery rate of the set's deviation, from `deviations.csv`"),
            share(
                "hit_rate",
                "share of strongly [planted deviations](../explanation/diagnosis.md#planted-causes) of this cause that were "
                "found, in other images and mostly with another encoder",
            ),
            share("false_rate", "share of natural classes that were suspected of this cause there"),
            Column("classifier", "classifier that has tested it; empty if none has"),
            Column("tested_by", "training set that deviates less, and differs in one setting that acts on the cause"),
            Column("setting", "the setting"),
            Column("before", "its value for the set"),
            Column("after", "its value for `tested_by`"),
            *unbounded(
                number(
                    "gain",
                    "mean recall of the suspected classes with `tested_by`, minus that with the set; top-1 if all are, "
                    "and for ambiguity",
                    -1,
                    1,
                )
            ),
            Column("also_worse", "other deviations of which more of the classes are suspected in `tested_by`"),
            Column(
                "verdict",
                "`right` if the gain is beyond noise, `wrong` if a loss is, or `not beyond noise`; `confounded` if there is "
                "no gain and `also_worse` may be why",
            ),
            Column("test", "what would test an untested suspicion"),
            Column("config_lines", "lines for the config, or an overrides table, that would test it"),
            integer("n_images", "number of images that this would generate"),
        ),
        CHAPTER,
        note="See [Suspicions](../explanation/diagnosis.md#suspicions).",
        rule="tabulate_suspicions",
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
)
