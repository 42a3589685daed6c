"""The tables of the matrix of experiments, and of the same matrix by other classifiers and encoders."""

from __future__ import annotations

from synthdiv.catalog.table import CLASS, Column, Columns, Table, bounded, bounds, differences, integer, number, share

CHAPTER = "The matrix"

ACCURACIES = (
    share("centroid_accuracy", "[Centroid Accuracy](../explanation/definitions.md#the-matrix)"),
    share("knn1_accuracy", "accuracy of k-NN with k = 1; empty for query sets with one prompt per class"),
    share("knn5_accuracy", "accuracy of k-NN with k = 5; empty for query sets with one prompt per class"),
)
COSINE = number("mean_cosine", "mean cosine between a query and the centroid of its class in the reference set", -1, 1)
METRICS: Columns = (*ACCURACIES, COSINE)
PAIR = (
    Column("reference", "reference set, whose training split is used"),
    Column("query", "query set, whose evaluation split is used"),
)
EXPERIMENT = (integer("experiment", "number of the experiment", 1), *PAIR)
MEASURED: Columns = (
    integer("n_queries", "number of queries"),
    *METRICS,
    *(bound for one in ACCURACIES for bound in bounds(one.name, 0, 1)),
    *bounds("mean_cosine", of="`mean_cosine`; empty if a class has a single query"),
)
NEW_CLASSES: Columns = tuple(
    bound
    for one in METRICS
    for bound in bounds(
        f"{one.name}_new_classes",
        of=f"`{one.name}` for [other classes](../explanation/intervals.md#intervals); empty if there are fewer than 50",
    )
)
EXPERIMENTS: Columns = (*EXPERIMENT, *MEASURED, *NEW_CLASSES)
PER_CLASS: Columns = (*EXPERIMENT, *CLASS, *MEASURED)
ENCODER = Column("encoder", "encoder of the embeddings")

TABLES = (
    Table(
        "experiments",
        "Each metric of the matrix, with its 95 % interval.",
        "experiment",
        EXPERIMENTS,
        CHAPTER,
        ("csv", "parquet"),
        note="Computed with the first encoder. A metric is empty if it does not apply.",
        rule="tabulate_experiments",
        part="3 Matrix",
    ),
    Table(
        "per_class",
        "The metrics of the matrix for single classes.",
        "experiment and class",
        PER_CLASS,
        CHAPTER,
        ("parquet",),
        note="Computed with the first encoder.",
        rule="tabulate_experiments",
    ),
    Table(
        "matrix_summary",
        "Means over parts of the matrix.",
        "group of experiments",
        (
            Column(
                "rows",
                "group of experiments: `all`, `with k-NN`, or a combination of kinds of sets, such as `image reference, "
                "prompt query`",
            ),
            integer("n_experiments", "number of experiments in the group"),
            share("centroid_accuracy", "mean of `centroid_accuracy` over the experiments"),
            share("knn1_accuracy", "mean of `knn1_accuracy`; empty if any experiment in the group has none"),
            share("knn5_accuracy", "mean of `knn5_accuracy`; empty if any experiment in the group has none"),
            number("mean_cosine", "mean of `mean_cosine`", -1, 1),
            share(
                "knn5_wins",
                "share of experiments in which `knn5_accuracy` is above `centroid_accuracy`; empty if any experiment in the "
                "group has no k-NN accuracy",
            ),
        ),
        CHAPTER,
        rule="tabulate_experiments",
        part="3 Matrix",
    ),
    Table(
        "experiment_differences",
        "Comparisons of experiments by paired tests.",
        "pair of experiments and metric",
        (
            Column("metric", "metric that is compared, a column of `experiments.csv`"),
            integer("experiment_a", "number of the first experiment", 1),
            integer("experiment_b", "number of the second experiment", 1),
            Column("paired_by", "`query`, or `class` if the query sets differ"),
            *differences("the metric in experiment a minus that in experiment b", most=2),
        ),
        CHAPTER,
        note="For each metric, p-values are corrected over all pairs of experiments.",
        rule="tabulate_experiments",
    ),
    Table(
        "embedding_classifiers",
        "The matrix by classifiers trained on embeddings.",
        "encoder, classifier, reference and query set",
        (
            ENCODER,
            Column("classifier", "[classifier on embeddings](../explanation/definitions.md#classifiers-on-embeddings)"),
            *PAIR,
            integer("n_train", "number of references; with more than 200 classes, a linear probe uses a subset"),
            integer("n_queries", "number of queries"),
            *bounded(share("accuracy", "share of queries that are classified correctly")),
        ),
        CHAPTER,
        ("csv", "parquet"),
        rule="tabulate_embedding_classifiers",
        part="3 Matrix",
    ),
    Table(
        "experiments_by_encoder",
        "The matrix by every encoder.",
        "encoder and experiment",
        (ENCODER, *EXPERIMENTS),
        CHAPTER,
        rule="tabulate_experiments",
    ),
    Table(
        "per_class_by_encoder",
        "The matrix by every encoder, for single classes.",
        "encoder, experiment and class",
        (ENCODER, *PER_CLASS),
        CHAPTER,
        ("parquet",),
        rule="tabulate_experiments",
    ),
    Table(
        "encoder_agreement",
        "How well further encoders agree with the first.",
        "metric and further encoder",
        (
            Column("metric", "metric of the matrix, or of `set_metrics.csv`"),
            Column("encoder", "the first encoder"),
            Column("other_encoder", "the encoder that it is compared with"),
            integer("n_values", "number of experiments, or of sets, that have the metric with both encoders"),
            number("spearman", "Spearman's rank correlation between the two encoders' values of the metric", -1, 1),
            integer("n_pairs", "number of pairs of experiments, or of sets"),
            integer(
                "n_clear_pairs", "number of pairs that clearly differ with the first encoder: their intervals do not overlap"
            ),
            integer("n_clear_pairs_in_other", "number of these pairs that also clearly differ with the other encoder"),
            integer("n_agreed", "number of pairs in `n_clear_pairs_in_other` that both encoders put in the same order"),
            integer("n_reversed", "number of pairs in `n_clear_pairs_in_other` that they put in opposite orders"),
        ),
        CHAPTER,
        note="See [Agreement between encoders](../explanation/definitions.md#agreement-between-encoders).",
        rule="compare_encoders",
    ),
)
