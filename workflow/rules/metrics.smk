"""Metrics of whole sets: the diversity of each, its distance from a reference, and both along the guidance scale.

1. measure_set measures the diversity of one image set.
2. compare_sets compares a set with a reference at equal images per class.
3. tabulate_metrics tabulates both.
4. measure_spread measures the distance of each image of a set to its class centroid, for every dataset with image sets at
   several guidance scales, including sets that are not in the matrix.
5. tabulate_guidance tabulates this and the accuracies by guidance scale, and compares the scales image by image.
"""


localrules:
    tabulate_metrics,


rule measure_set:
    input:
        embeddings=from_plan(files.find_set_embeddings),
    output:
        metrics=ensure(
            "<results>/metrics/{encoder}/sets/{set_name}.parquet", non_empty=True
        ),
    log:
        "<logs>/measure_set/{encoder}/{set_name}.log",
    benchmark:
        "<benchmarks>/measure_set/{encoder}/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        job=job_of(metrics.measure_set),
    message:
        "Measure the diversity of {wildcards.set_name} ({wildcards.encoder})"
    script:
        "../scripts/measure_set.py"


rule compare_sets:
    input:
        reference=from_plan(files.find_reference_embeddings),
        embeddings=from_plan(files.find_set_embeddings),
    output:
        metrics=ensure(
            "<results>/metrics/{encoder}/pairs/{reference}/{set_name}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/compare_sets/{encoder}/{reference}/{set_name}.log",
    benchmark:
        "<benchmarks>/compare_sets/{encoder}/{reference}/{set_name}.jsonl"
    wildcard_constraints:
        reference=one_of(list_metric_references(STUDY)),
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(16000),
        runtime=growing(240),
    params:
        job=job_of(metrics.compare_sets),
    message:
        "Compare {wildcards.set_name} with {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/compare_sets.py"


rule tabulate_metrics:
    input:
        sets=from_plan(metrics.list_measurements),
        pairs=from_plan(metrics.list_compared_metrics),
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
    params:
        job=job_of(metrics.tabulate_metrics),
    message:
        "Tabulate the metrics of the sets"
    script:
        "../scripts/tabulate_metrics.py"


rule measure_spread:
    input:
        embeddings=from_plan(files.find_set_embeddings),
    output:
        spread=ensure("<results>/spreads/{encoder}/{set_name}.parquet", non_empty=True),
    log:
        "<logs>/measure_spread/{encoder}/{set_name}.log",
    benchmark:
        "<benchmarks>/measure_spread/{encoder}/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(metrics.measure_spread),
    message:
        "Measure the spread of {wildcards.set_name} ({wildcards.encoder})"
    script:
        "../scripts/measure_spread.py"


rule tabulate_guidance:
    input:
        sources=from_plan(metrics.list_sweep_sources),
        fingerprints=from_plan(metrics.list_sweep_fingerprints),
    output:
        table="<results>/tables/guidance.csv",
        per_class="<results>/tables/guidance_per_class.parquet",
        choice="<results>/tables/guidance_choice.csv",
    log:
        "<logs>/tabulate_guidance.log",
    benchmark:
        "<benchmarks>/tabulate_guidance.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(metrics.tabulate_guidance),
    message:
        "Tabulate the metrics by guidance scale"
    script:
        "../scripts/tabulate_guidance.py"
