"""The tables of checks, published values and costs, and those of a review."""

from __future__ import annotations

from synthdiv.catalog.table import CLASS, Column, Columns, Table, bounded, integer, number, share

CHAPTER = "Checks and costs"
REVIEWED: Columns = (
    integer("n_images", "number of images of the class"),
    *bounded(share("accuracy", "share of its images that are classified correctly; empty if all are excluded")),
    Column("predicted_class", "wrong class that the images are most often classified as; empty if all are correct"),
    share("predicted_class_share", "share of the images that are classified as `predicted_class`"),
)
REVIEW = "Review"

TABLES = (
    Table(
        "audit",
        "check and place",
        (
            Column("source", "`this study`, or the publication whose tables are audited"),
            Column("check", "[check](../explanation/intervals.md#the-audit)"),
            Column("where", "table and rows that are checked"),
            Column("expected", "what the check demands"),
            Column("found", "what the table has"),
            Column("verdict", "`holds`, `contradiction` or `note`"),
            Column("reason", "reason for the verdict, in words"),
        ),
        CHAPTER,
    ),
    Table(
        "claims",
        "claim and comparison",
        (
            Column("claim", "[claim](../explanation/intervals.md#claims), as a sentence"),
            Column("source", "publication and place of the claim"),
            Column("metric", "what is compared, and what the pairs are; empty if it is not measured"),
            Column("expected", "range of `value` according to the claim, such as `above 0`; empty for exact properties"),
            number("value", "this study's value"),
            number("low", "bounds of `value`"),
            number("high", "bounds of `value`"),
            integer("n_pairs", "number of pairs of a paired test"),
            share("p_value", "p-value of a paired test"),
            share("p_adjusted", "the same, corrected over all comparisons with a test"),
            Column("verdict", "`holds`, `fails`, `undecided` or `not measured`"),
            Column("published", "the paper's value, if the config's `published` names the paper"),
        ),
        CHAPTER,
    ),
    Table(
        "published",
        "number of the paper that the config's `published` names",
        (
            Column("source", "the publication"),
            Column("where", "its table, figure or section"),
            Column("reference", "reference set, or a classifier's training set; for Centroid Distance, the set itself"),
            Column("query", "query set, or a classifier's evaluation set; for Centroid Distance, the set itself"),
            Column("class", "name of the class; `all` for all classes"),
            Column("metric", "the metric"),
            number("published", "the printed value; percentages as shares"),
            number("value", "this study's value; empty if the study has none"),
            number("low", "bounds of `value`"),
            number("high", "bounds of `value`"),
            Column("note", "remark on the printed value"),
        ),
        CHAPTER,
    ),
    Table(
        "jobs",
        "finished job",
        (
            Column("rule", "rule of the workflow"),
            Column("job", "the job's wildcards"),
            integer("attempts", "number of attempts since the job last finished: more than one after a failure or requeue"),
            number("seconds", "wall-clock time of the last run", 0, unit="s"),
            number("cpu_seconds", "CPU time", 0, unit="s"),
            number("max_rss_mb", "peak memory", 0, unit="MB"),
            number("read_mb", "data read from disk", 0, unit="MB"),
            number("written_mb", "data written to disk", 0, unit="MB"),
            integer("images", "number of images that the job processed; empty for other jobs"),
            number("work_seconds", "time for these images, without loading models", 0, unit="s"),
            number("images_per_s", "`images` divided by `work_seconds`", 0, unit="1/s"),
            Column("device", "device that processed them"),
            number("gpu_peak_mb", "peak memory of the GPU", 0, unit="MB"),
            integer("slurm_job", "number of the Slurm job; empty without Slurm"),
        ),
        CHAPTER,
        note="A value is empty if it is unknown, for example because the job was too short to measure.",
    ),
    Table(
        "accuracy",
        "class, lowest accuracy first",
        (
            CLASS[0],
            Column("key", "key of the class"),
            CLASS[1],
            *REVIEWED,
            Column("prompt", "prompt of the images"),
            Column("lemmas", "names of the class in the class table"),
            Column("definition", "definition in the class table"),
            Column("hypernym", "hypernym in the class table"),
            Column("proposed_override", "proposed line for a CSV of overrides; empty if the prompt already says the same"),
        ),
        REVIEW,
        folder="review/<set>",
    ),
    Table(
        "history",
        "class and review, if the class's result changed",
        (
            integer("review", "number of the review", 1),
            Column("key", "key of the class"),
            CLASS[1],
            Column("prompt", "prompt of the images"),
            *REVIEWED,
            Column("generated_by", "generator and guidance scale"),
            Column("reviewed_by", "classifier, or class centroids, that classified the images"),
        ),
        REVIEW,
        folder="review/<set>",
        note="New reviews are appended; existing rows never change.",
    ),
)
