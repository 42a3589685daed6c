"""Metrics of whole sets: diversity, distance from a reference, both along the guidance scale, and images that sets share.

1. measure_set measures the diversity of one image set.
2. compare_sets compares a set with a reference at equal images per class.
3. tabulate_metrics tabulates both.
4. measure_spread measures the distance of each image of a set to its class centroid, for every dataset with image sets at
   several guidance scales, including sets that are not in the matrix.
5. tabulate_guidance tabulates this and the accuracies by guidance scale, and compares the scales image by image.
6. shrink_images makes the thumbnails of a set, with a digest of each image.
7. find_duplicates finds the images of a set that it has twice, or that other sets have too.
8. tabulate_leakage counts them, and lists the pairs.
9. score_without_leaks tabulates the accuracy of classifiers with and without evaluation images that were trained on.
"""


localrules:
    tabulate_metrics,
    tabulate_leakage,
    score_without_leaks,


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
        device=STUDY.config.scoring_device,
        gpu=from_plan(experiments.count_scoring_gpus),
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


rule shrink_images:
    input:
        indices=from_plan(files.find_set_indices),
    output:
        thumbnails=ensure("<results>/thumbnails/{set_name}.parquet", non_empty=True),
    log:
        "<logs>/shrink_images/{set_name}.log",
    benchmark:
        "<benchmarks>/shrink_images/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        job=job_of(metrics.shrink_images),
    message:
        "Make the thumbnails of {wildcards.set_name}"
    script:
        "../scripts/shrink_images.py"


rule find_duplicates:
    input:
        thumbnails=from_plan(metrics.list_compared_thumbnails),
        embeddings=from_plan(metrics.list_compared_embeddings),
    output:
        counts="<results>/duplicates/{set_name}/counts.parquet",
        pairs="<results>/duplicates/{set_name}/pairs.parquet",
    log:
        "<logs>/find_duplicates/{set_name}.log",
    benchmark:
        "<benchmarks>/find_duplicates/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        device=STUDY.config.scoring_device,
        gpu=from_plan(experiments.count_scoring_gpus),
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(480),
    params:
        job=job_of(metrics.find_duplicates),
    message:
        "Find duplicates of images of {wildcards.set_name}"
    script:
        "../scripts/find_duplicates.py"


rule tabulate_leakage:
    input:
        counts=from_plan(metrics.list_duplicate_counts),
        pairs=from_plan(metrics.list_duplicate_pairs),
    output:
        table="<results>/tables/leakage.csv",
        pairs="<results>/tables/duplicates.parquet",
    log:
        "<logs>/tabulate_leakage.log",
    benchmark:
        "<benchmarks>/tabulate_leakage.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(metrics.tabulate_leakage),
    message:
        "Tabulate the duplicates"
    script:
        "../scripts/tabulate_leakage.py"


rule score_without_leaks:
    input:
        pairs="<results>/tables/duplicates.parquet",
        predictions=from_plan(metrics.list_trained_predictions),
    output:
        table="<results>/tables/leakage_accuracy.csv",
    log:
        "<logs>/score_without_leaks.log",
    benchmark:
        "<benchmarks>/score_without_leaks.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(metrics.score_without_leaks),
    message:
        "Tabulate accuracies without leaked evaluation images"
    script:
        "../scripts/score_without_leaks.py"
