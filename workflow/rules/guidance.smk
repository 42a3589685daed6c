"""Guidance: what changes with the guidance scale, and which scale each figure would choose.

Of every dataset that has image sets at several guidance scales, whatever the matrix lists.

1. measure_spread measures how far each image of a set lies from the centroid of its class.
2. tabulate_guidance puts it beside the accuracies along the guidance scale, and compares the scales image by image.
"""


rule measure_spread:
    input:
        embeddings=own_embeddings,
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
        "Measure how far the images of {wildcards.set} spread ({wildcards.encoder})"
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
        generated_by=sweep_generators,
        figures=sweep_metrics,
        generators=swept_generators,
    message:
        "Tabulate the figures along the guidance scale"
    script:
        "../scripts/tabulate_guidance.py"
