"""The tables of leakage: images that two splits share, or that one has twice."""

from __future__ import annotations

from synthdiv.catalog.classifier_tables import CLASSIFIER, EVALUATION_SET, N_EVALUATION, N_SEEDS, TRAIN_SET
from synthdiv.catalog.table import Column, Columns, Table, bounded, integer, number, share

CHAPTER = "Leakage"

SPLITS: Columns = (
    Column("set", "set whose images are counted"),
    Column("split", "their split"),
    Column("other_set", "set that they are searched in"),
    Column("other_split", "split that they are searched in; the same set and split for images that are there twice"),
)
PLACE: Columns = (
    integer("class_id", "number of the image's class"),
    integer("index", "number of the image in its class and split"),
)
FILE: Columns = (
    Column("file", "file of the image; empty, like its place, if it is known by its vector alone"),
    integer("offset", "place of the image's first byte in the file"),
    integer("size", "number of the image's bytes"),
    Column("digest", "the first 16 bytes of their SHA-256, or of that of the vector, in hexadecimal digits"),
)


def _describe_other(columns: Columns) -> Columns:
    return tuple(
        Column(f"other_{one.name}", f"the same of the other image: {one.meaning}", one.kind, low=one.low) for one in columns
    )


TABLES = (
    Table(
        "leakage",
        "How many images two splits share, or one has twice.",
        "pair of splits",
        (
            *SPLITS,
            integer("n_images", "number of images that are counted"),
            integer("n_others", "number of images that they are searched in"),
            integer("n_exact", "number of images whose file is also there; with embeddings alone, whose vector is"),
            integer("n_near", "number of others that are there as the same picture, mirrored, compressed or with noise"),
            integer("n_crops", "number of others that are a crop of a picture there, or the other way round"),
            integer("n_duplicates", "number of all these images"),
            *bounded(share("duplicate_share", "`n_duplicates` divided by `n_images`")),
            number("correlation_limit", "[limit](../explanation/definitions.md#leakage) of the thumbnails", -1, 1),
            number("cosine_limit", "limit of the embeddings of possible crops", -1, 1),
            number("crop_correlation_limit", "limit of the match of a crop", -1, 1),
            *bounded(
                share(
                    "authenticity",
                    "[authenticity](../explanation/definitions.md#memorisation) of the images against the natural training "
                    "split, which describes a set and proves nothing; compare it with that of the natural evaluation split",
                )
            ),
        ),
        CHAPTER,
        note=(
            "Images are evaluation images that are searched in a training split (leakage), training images that are "
            "searched in the natural training split (copies of natural images), or images of a natural split that is "
            "searched for images that it has twice. Sets of prompts are left out. Of sets with embeddings alone, which are "
            "compared with each other, only equal vectors are found, so their rows have no limits."
        ),
        rule="tabulate_leakage",
        part="2 Images",
    ),
    Table(
        "duplicates",
        "The images that two splits share, or one has twice, and the most similar ones below the limits.",
        "image of a pair of splits",
        (
            *SPLITS[:2],
            *PLACE,
            *SPLITS[2:],
            *_describe_other(PLACE),
            Column("kind", "`exact`, `near` or `crop`; `nearest` for the most similar images below the limits"),
            number(
                "correlation",
                "correlation of the two thumbnails; of a crop, that with a part of the other image; empty if one is uniform",
                -1,
                1,
            ),
            number("cosine", "cosine of the two embeddings by the first encoder; empty if one is not embedded", -1, 1),
            *FILE,
            *_describe_other(FILE),
        ),
        CHAPTER,
        ("parquet",),
        note="For each image, only the most similar other one is listed.",
        rule="tabulate_leakage",
    ),
    Table(
        "leakage_accuracy",
        "The accuracy of trained classifiers with and without evaluation images that were trained on.",
        "classifier, training set and evaluation set",
        (
            CLASSIFIER,
            TRAIN_SET,
            EVALUATION_SET,
            N_SEEDS,
            N_EVALUATION,
            integer(
                "n_leaked",
                "number of these images of which the training split of a set that it is trained on has a duplicate",
            ),
            *bounded(share("top1", "mean of `top1` over seeds, of all evaluation images")),
            *bounded(share("top1_without", "the same without the leaked images; empty if all are leaked")),
        ),
        CHAPTER,
        note=(
            "If a mixture uses a part of a set's training images, duplicates of all of them count as leaked. Classifiers "
            "that were trained elsewhere are left out, since their training images are unknown."
        ),
        rule="score_without_leaks",
        part="8 Classifiers",
    ),
)
