"""Experiments: every reference set against every query set, and the diversity of every image set.

1. score_experiment classifies the queries of one pair; its predictions are kept.
2. tabulate_experiments makes the matrix and its per-class form from them.
3. measure_centroid_distance measures each image set on its own.
"""


rule score_experiment:
    input:
        reference=reference_embeddings,
        query=query_embeddings,
    output:
        predictions=ensure(
            "<results>/experiments/{reference}/{query}.parquet", non_empty=True
        ),
    log:
        "<logs>/score_experiment/{reference}/{query}.log",
    benchmark:
        "<benchmarks>/score_experiment/{reference}/{query}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        n_classes=len(STUDY.classes),
    message:
        "Score reference {wildcards.reference} x query {wildcards.query}"
    script:
        "../scripts/score_experiment.py"


rule tabulate_experiments:
    input:
        predictions=predictions,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/experiments.csv",
        parquet="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
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


rule measure_centroid_distance:
    input:
        embeddings=image_set_embeddings,
    output:
        table="<results>/tables/centroid_distance.csv",
        parquet="<results>/tables/centroid_distance.parquet",
        per_class="<results>/tables/centroid_distance_per_class.parquet",
    log:
        "<logs>/measure_centroid_distance.log",
    benchmark:
        "<benchmarks>/measure_centroid_distance.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        sets=image_set_tables,
    message:
        "Measure the Centroid Distance of every image set"
    script:
        "../scripts/measure_centroid_distance.py"
