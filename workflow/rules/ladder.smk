"""The ladder: training sets between natural and generated images, and what each step between them costs.

1. generate_rung makes the images of a rung: natural images in another size and format, encoded and decoded, changed by the
   generator, or generated from captions or prompts without guidance. They are stored in the archive.
2. Classifiers are trained on each rung and evaluated by the rules of classifiers.smk.
3. tabulate_ladder measures what each step costs.
"""


localrules:
    tabulate_ladder,


rule generate_rung:
    input:
        sources=ancient(from_plan(ladder.list_rung_sources)),
        natural=from_plan(ladder.list_natural_indices),
        fingerprint=from_plan(ladder.find_ladder_fingerprint),
        owners=from_plan(ladder.list_rung_owners),
    output:
        index=ensure("<results>/images/ladder/{rung}/{shard}.parquet", non_empty=True),
    log:
        "<logs>/generate_rung/{rung}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_rung/{rung}/{shard}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(images.count_generation_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(16000),
        # the same for every attempt, as for generate_images
        runtime=240,
    params:
        job=job_of(ladder.generate_rung),
        stamps=stamps_of(ladder.list_ladder_checker_files),
    message:
        "Make the images of {wildcards.rung}, classes {wildcards.shard}"
    script:
        "../scripts/generate_rung.py"


rule tabulate_ladder:
    input:
        predictions=from_plan(ladder.list_ladder_predictions),
    output:
        table="<results>/tables/ladder.csv",
    log:
        "<logs>/tabulate_ladder.log",
    benchmark:
        "<benchmarks>/tabulate_ladder.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(ladder.tabulate_ladder),
    message:
        "Measure what each step of the ladder costs"
    script:
        "../scripts/tabulate_ladder.py"
