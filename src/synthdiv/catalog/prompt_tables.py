"""The tables of guidance scales and prompts: the sweeps, modifiers of grammars, prompt probes."""

from __future__ import annotations

from synthdiv.catalog.set_tables import DISTANCE
from synthdiv.catalog.table import (
    CLASS,
    Column,
    Columns,
    Table,
    bounded,
    bounds,
    integer,
    number,
    share,
    unbounded,
)

CHAPTER = "Guidance scales and prompts"

GUIDANCE = Column("guidance", "how the generator is guided: `classifier-free`, `embedded` or `none`")
TRAINED = Column("classifier", "classifier of `trained_accuracy`; empty for other metrics")
SWEEP: Columns = (
    Column("dataset", "dataset whose guidance scale varies"),
    GUIDANCE,
    number("guidance_scale", "guidance scale; empty for the natural set, which is given for comparison", 0),
    Column("set", "set that is measured"),
    Column("metric", "[metric](../explanation/definitions.md#guidance-scales)"),
    TRAINED,
    Column("reference", "set that gives the centroids, or that the classifier is trained on; empty for Centroid Distance"),
    Column("query", "set whose evaluation split is classified; empty for Centroid Distance"),
)
MEASURED: Columns = (
    number("value", "the metric, in `unit`", 0, 4),
    number("low", "bounds of `value`"),
    number("high", "bounds of `value`"),
    integer("n", "number of images or queries"),
    Column("unit", "`fraction`, or `(1 - cosine)^2` for Centroid Distance"),
)


def compare_prompts(name: str, words: str, most: float) -> Columns:
    """Return the columns that compare a metric of a prompt with that of the probe's first prompt."""
    return (
        *unbounded(number(f"{name}_difference", f"{words} minus that of the first prompt; empty for that one", -most, most)),
        share(f"{name}_p_adjusted", "p-value of this difference, corrected over all prompts of all probes"),
    )


TABLES = (
    Table(
        "guidance",
        "The metrics along the guidance scale.",
        "dataset, guidance scale and metric",
        (*SWEEP, *MEASURED),
        CHAPTER,
        rule="tabulate_guidance",
    ),
    Table(
        "guidance_per_class",
        "The metrics along the guidance scale for single classes.",
        "dataset, guidance scale, metric and class",
        (*SWEEP, *CLASS, *MEASURED),
        CHAPTER,
        ("parquet",),
        rule="tabulate_guidance",
    ),
    Table(
        "guidance_choice",
        "The best guidance scale by each metric, overall and per class.",
        "dataset, metric and class, and one for all classes",
        (
            Column("dataset", "dataset whose guidance scale varies"),
            GUIDANCE,
            Column("metric", "[metric](../explanation/definitions.md#guidance-scales)"),
            TRAINED,
            integer("class_id", "number of the class; empty for all classes"),
            Column("class", "name of the class; `all` for all classes"),
            number("best_guidance_scale", "scale at which the metric is highest; if there are several, the lowest", 0),
            number("value", "the metric at this scale", 0, 4),
            integer("n_pairs", "smallest number of images in any comparison of two scales"),
            Column("also_as_good", "scales that do not differ significantly from the best one, separated by spaces"),
        ),
        CHAPTER,
        note="See [Differences](../explanation/intervals.md#differences) for the tests and their correction.",
        rule="tabulate_guidance",
        part="6 Guidance and prompts",
    ),
    Table(
        "adherence",
        "Whether each modifier of a grammar reaches the images.",
        "set and modifier, and one for each class and each value of the modifier",
        (
            Column("set", "generated set"),
            Column("modifier", "modifier of the grammar"),
            Column("value", "value of the modifier; `all` for all of them"),
            integer("class_id", "number of the class; empty for all classes"),
            Column("class", "name of the class; `all` for all classes"),
            integer("n_images", "number of images"),
            share(
                "share_won",
                "share of comparisons in which an image is nearer to its own prompt than to one with another value of "
                "the modifier; 0.5 by chance",
            ),
            share("low", "bounds of `share_won`"),
            share("high", "bounds of `share_won`"),
            share("nearest_share", "share of images that are nearer to their own prompt than to all the others"),
            number("chance", "`nearest_share` that is expected by chance", 0, 0.5),
        ),
        CHAPTER,
        note="See [Modifier adherence](../explanation/definitions.md#modifier-adherence).",
        rule="tabulate_adherence",
    ),
    Table(
        "prompt_probes",
        "Comparisons of prompts for one class, at the same noises.",
        "prompt of a probe",
        (
            Column("probe", "name of the probe"),
            integer("class_id", "number of the class"),
            Column("class", "name of the class"),
            Column("reference", "set whose class centroids classify the images"),
            Column("prompt", "the prompt"),
            integer("n_images", "number of its images"),
            *bounded(share("centroid_accuracy", "share of the images whose nearest centroid is that of the class")),
            *unbounded(number("mean_cosine", "mean cosine between an image and the class's centroid", -1, 1)),
            DISTANCE,
            *bounds("centroid_distance"),
            number("centroid_shift", "centroid-shift between the images and the class's centroid", 0, 2),
            Column("predicted_class", "wrong class that the images are most often nearest to; empty if all are correct"),
            share("predicted_class_share", "share of the images that are nearest to it"),
            Column("also_predicted_class", "other wrong classes, each with its share, the most frequent first"),
            integer("n_pairs", "number of images that have the same initial noise as an image of the first prompt"),
            *compare_prompts("centroid_accuracy", "`centroid_accuracy`", 1),
            *compare_prompts("mean_cosine", "`mean_cosine`", 2),
            *compare_prompts("centroid_distance", "`centroid_distance`", 4),
        ),
        CHAPTER,
        note="See [Prompt probes](../explanation/definitions.md#prompt-probes).",
        rule="score_prompt_probes",
        part="6 Guidance and prompts",
    ),
)
