"""Experiments: every reference set against every query set.

1. score_experiment classifies the queries of one pair by centroids and neighbours, and keeps its predictions.
2. tabulate_experiments makes the matrix from them, overall and per class, and tests which experiments differ significantly.
"""


localrules:
    tabulate_experiments,


rule score_experiment:
    input:
        reference=reference_embeddings,
        query=query_embeddings,
    output:
        predictions=ensure(
            "<results>/experiments/{encoder}/{reference}/{query}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/score_experiment/{encoder}/{reference}/{query}.log",
    benchmark:
        "<benchmarks>/score_experiment/{encoder}/{reference}/{query}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        turn=1,
    params:
        n_classes=len(STUDY.classes),
    message:
        "Score reference {wildcards.reference} x query {wildcards.query} ({wildcards.encoder})"
    script:
        "../scripts/score_experiment.py"


rule tabulate_experiments:
    input:
        predictions=experiment_predictions,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/experiments.csv",
        parquet="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        summary="<results>/tables/matrix_summary.csv",
        differences="<results>/tables/experiment_differences.csv",
        by_encoder="<results>/tables/experiments_by_encoder.csv",
        per_class_by_encoder="<results>/tables/per_class_by_encoder.parquet",
    log:
        "<logs>/tabulate_experiments.log",
    benchmark:
        "<benchmarks>/tabulate_experiments.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        experiments=numbered_experiments,
    message:
        "Tabulate the experiments"
    script:
        "../scripts/tabulate_experiments.py"
