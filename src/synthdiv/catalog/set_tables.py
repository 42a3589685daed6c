"""The tables of sets: their diversity, their distance from a reference, their images and prompts."""

from __future__ import annotations

from synthdiv.catalog.table import CLASS, Column, Columns, Table, bounds, integer, number

CHAPTER = "Sets"

SPLIT = Column("split", "`train` or `evaluation`")
DISTANCE = number("centroid_distance", "[Centroid Distance](../explanation/definitions.md#centroids-and-diversity)", 0, 4)
SET = Column("set", "set that is measured")
METRIC = (
    Column("encoder", "encoder of the embeddings"),
    SET,
    Column("reference", "set that it is compared with; empty for metrics of a single set"),
    Column(
        "metric",
        "metric [of one set](../explanation/definitions.md#centroids-and-diversity) or [of a set against a "
        "reference](../explanation/definitions.md#distance-from-a-reference)",
    ),
    SPLIT,
    integer("images_per_class", "number of images of each class that are used; empty for all images"),
)
VALUE: Columns = (
    number("value", "the metric, in its own unit"),
    number("low", "bounds of `value`; empty if the metric has no interval"),
    number("high", "bounds of `value`; empty if the metric has no interval"),
    integer(
        "n_images",
        "number of the set's images (or prompts) that the value is based on; for recall and coverage, number of references",
    ),
)

TABLES = (
    Table(
        "centroid_distance",
        "The diversity of each split of each set.",
        "image set and split",
        (
            SET,
            SPLIT,
            DISTANCE,
            integer("n_classes", "number of classes", 1),
            integer("n_images", "number of images"),
            *bounds("centroid_distance"),
        ),
        CHAPTER,
        ("csv", "parquet"),
        note="Computed on all images with the first encoder.",
        rule="tabulate_metrics",
        part="4 Diversity and shift",
    ),
    Table(
        "centroid_distance_per_class",
        "The diversity of single classes.",
        "image set, split and class",
        (SET, SPLIT, *CLASS, DISTANCE, integer("n_images", "number of the class's images"), *bounds("centroid_distance")),
        CHAPTER,
        ("parquet",),
        rule="tabulate_metrics",
    ),
    Table(
        "set_metrics",
        "Metrics of diversity and similarity, of each set alone and against reference sets.",
        "encoder, set, reference set, metric, split and number of images per class",
        (*METRIC, *VALUE),
        CHAPTER,
        ("csv", "parquet"),
        rule="tabulate_metrics",
        part="4 Diversity and shift",
    ),
    Table(
        "set_metrics_per_class",
        "Metrics of diversity and similarity for single classes.",
        "row of `set_metrics` and class, for metrics that are also computed for each class",
        (*METRIC, CLASS[0], *VALUE, CLASS[1]),
        CHAPTER,
        ("parquet",),
        rule="tabulate_metrics",
    ),
    Table(
        "natural_images",
        "The images and other files that were found in the natural sets, and which of them are used.",
        "natural set, split and class; one without a class has the files that lie in no class's folder",
        (
            SET,
            SPLIT,
            Column("class", "name of the class"),
            integer("n_found", "number of images found"),
            integer("n_used", "number of images used"),
            integer("n_not_chosen", "number of images that the seeded subset of `images_per_class` does not have"),
            integer("n_undecodable", "number of chosen images that cannot be decoded"),
            Column("undecodable", "their names"),
            integer("n_left_out", "number of files that were not taken as images of the study's classes"),
            Column("left_out", "how many for which reason: the suffix of a file, or `of another class`"),
        ),
        CHAPTER,
        rule="tabulate_natural_images",
        part="2 Images",
    ),
    Table(
        "flags",
        "The number of images that are black, nearly uniform, unsafe or undecodable.",
        "split of a natural set, of a dataset at a guidance scale, or of a prompt probe",
        (
            Column("images", "the set, or the dataset or probe with its guidance scale, such as `disamb at 2.5`"),
            Column("split", "`train`, `evaluation`, or `probe`"),
            integer("n_images", "number of images"),
            integer("black", "number of black images"),
            integer("uniform", "number of images of nearly one colour"),
            integer("nsfw", "number of images that the `safety_checker` classified as unsafe"),
            integer("undecodable", "number of images that cannot be decoded"),
            integer("n_excluded", "number of images that are left out: undecodable, or with a flag in `exclude_flags`"),
        ),
        CHAPTER,
        note="See [Flags](../explanation/identity-and-determinism.md#flags).",
        rule="count_flags",
        part="6 Guidance and prompts",
    ),
    Table(
        "prompt_checks",
        "Truncated and identical prompts, found before generation.",
        "prompt, text encoder and problem",
        (
            Column("dataset", "dataset of the prompt"),
            Column("text_encoder", "generator or encoder whose tokenizer reads the prompt"),
            *CLASS,
            Column("split", "split of the prompt's image; empty if a class has a single prompt"),
            integer("index", "number of the prompt's image in its class and split; empty if a class has a single prompt"),
            Column("prompt", "the prompt"),
            Column("problem", "`truncated`, or `identical` to another prompt once both are truncated"),
            integer("n_tokens", "number of tokens of the prompt, including the start and end tokens"),
            integer("token_limit", "maximum number of tokens that the text encoder reads"),
            Column("identical_to", "up to five prompts that it is identical to, each named by its class (or image)"),
        ),
        CHAPTER,
        rule="check_prompts",
        part="6 Guidance and prompts",
    ),
)
