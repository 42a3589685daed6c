"""Classifiers on embeddings: more classifiers than centroids and a few neighbours, fitted to a reference.

1. train_linear_probe fits a linear probe, a logistic regression, to the embeddings of a reference.
2. classify_embeddings evaluates it and other classifiers on the queries.
3. tabulate_embedding_classifiers tabulates their accuracies.
"""


localrules:
    tabulate_embedding_classifiers,


rule train_linear_probe:
    input:
        reference=reference_embeddings,
    output:
        probe=ensure(
            "<results>/linear_probes/{encoder}/{reference}.npz", non_empty=True
        ),
    log:
        "<logs>/train_linear_probe/{encoder}/{reference}.log",
    benchmark:
        "<benchmarks>/train_linear_probe/{encoder}/{reference}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        options=linear_probe_options,
    message:
        "Train a logistic regression on {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/train_linear_probe.py"


rule classify_embeddings:
    input:
        reference=reference_embeddings,
        queries=classified_embeddings,
        probe=trained_linear_probe,
    output:
        predictions=ensure(
            "<results>/classifications/{encoder}/{reference}.parquet", non_empty=True
        ),
    log:
        "<logs>/classify_embeddings/{encoder}/{reference}.log",
    benchmark:
        "<benchmarks>/classify_embeddings/{encoder}/{reference}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        options=embedding_classifier_options,
        queries=classified_queries,
        n_classes=len(STUDY.classes),
    message:
        "Classify the queries by classifiers fitted to {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/classify_embeddings.py"


rule tabulate_embedding_classifiers:
    input:
        predictions=embedding_classifier_predictions,
    output:
        table="<results>/tables/embedding_classifiers.csv",
        parquet="<results>/tables/embedding_classifiers.parquet",
    log:
        "<logs>/tabulate_embedding_classifiers.log",
    benchmark:
        "<benchmarks>/tabulate_embedding_classifiers.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    message:
        "Tabulate the classifiers on embeddings"
    script:
        "../scripts/tabulate_embedding_classifiers.py"
