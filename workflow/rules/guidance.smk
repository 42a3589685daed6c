"""Guidance: metrics by guidance scale, and the best scale by each metric.

This covers every dataset with image sets at several guidance scales, including sets that are not in the matrix.

1. measure_spread measures the distance of each image of a set to its class centroid.
2. tabulate_guidance tabulates this and the accuracies by guidance scale, and compares the scales image by image.
"""


rule measure_spread:
    input:
        embeddings=set_embeddings,
    output:
        spread=ensure("<results>/spreads/{encoder}/{set}.parquet", non_empty=True),
    log:
        "<logs>/measure_spread/{encoder}/{set}.log",
    benchmark:
        "<benchmarks>/measure_spread/{encoder}/{set}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
        turn=1,
    params:
        n_classes=len(STUDY.classes),
    message:
        "Measure the spread of {wildcards.set} ({wildcards.encoder})"
    script:
        "../scripts/measure_spread.py"


rule tabulate_guidance:
    input:
        sources=sweep_sources,
        fingerprints=sweep_fingerprints,
        classes=STUDY.config["classes"],
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
        generated_by=generators_of_sweeps,
        generators=sweep_generator_names,
        metrics=sweep_metrics,
    message:
        "Tabulate the metrics by guidance scale"
    script:
        "../scripts/tabulate_guidance.py"
