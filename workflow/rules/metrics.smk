"""Metrics of whole sets: the diversity of each, and its distance from a reference.

1. measure_set measures the diversity of one image set.
2. compare_sets compares a set with a reference at equal images per class.
3. tabulate_metrics tabulates both.
4. compare_encoders tests whether the metrics of sets and experiments agree across encoders.
"""


localrules:
    tabulate_metrics,
    compare_encoders,


rule measure_set:
    input:
        embeddings=set_embeddings,
    output:
        metrics=ensure("<results>/metrics/{encoder}/sets/{set}.parquet", non_empty=True),
    log:
        "<logs>/measure_set/{encoder}/{set}.log",
    benchmark:
        "<benchmarks>/measure_set/{encoder}/{set}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
        turn=1,
    params:
        options=measure_options,
        n_classes=len(STUDY.classes),
    message:
        "Measure the diversity of {wildcards.set} ({wildcards.encoder})"
    script:
        "../scripts/measure_set.py"


rule compare_sets:
    input:
        reference=reference_embeddings,
        embeddings=set_embeddings,
    output:
        metrics=ensure(
            "<results>/metrics/{encoder}/pairs/{reference}/{set}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/compare_sets/{encoder}/{reference}/{set}.log",
    benchmark:
        "<benchmarks>/compare_sets/{encoder}/{reference}/{set}.jsonl"
    wildcard_constraints:
        reference=one_of(list_metric_references(STUDY)),
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(16000),
        runtime=growing(240),
        turn=1,
    params:
        options=comparison_options,
        n_classes=len(STUDY.classes),
    message:
        "Compare {wildcards.set} with {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/compare_sets.py"


rule tabulate_metrics:
    input:
        sets=set_measurements,
        pairs=set_comparisons,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/set_metrics.csv",
        parquet="<results>/tables/set_metrics.parquet",
        per_class="<results>/tables/set_metrics_per_class.parquet",
        centroid_distance="<results>/tables/centroid_distance.csv",
        centroid_distance_parquet="<results>/tables/centroid_distance.parquet",
        centroid_distance_per_class="<results>/tables/centroid_distance_per_class.parquet",
    log:
        "<logs>/tabulate_metrics.log",
    benchmark:
        "<benchmarks>/tabulate_metrics.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        encoder=list_encoders(STUDY)[0],
    message:
        "Tabulate the metrics of the sets"
    script:
        "../scripts/tabulate_metrics.py"


rule compare_encoders:
    input:
        experiments="<results>/tables/experiments_by_encoder.csv",
        metrics="<results>/tables/set_metrics.parquet",
    output:
        table="<results>/tables/encoder_agreement.csv",
    log:
        "<logs>/compare_encoders.log",
    benchmark:
        "<benchmarks>/compare_encoders.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        encoders=list_encoders(STUDY),
    message:
        "Compare the metrics across encoders"
    script:
        "../scripts/compare_encoders.py"
