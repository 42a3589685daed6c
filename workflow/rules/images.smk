"""Images: generated ones as blocks in the archive, natural ones in their own files; both with index tables.

1. fingerprint_generator identifies a generator by its weights and scheduler.
2. generate_images generates the missing images of a dataset's shard, and writes its index.
3. index_natural indexes natural images and decodes each once.
4. count_flags counts the images that are black, nearly uniform, unsafe or undecodable.
"""


localrules:
    count_flags,


rule fingerprint_generator:
    input:
        files=generator_files,
    output:
        fingerprint="<results>/generators/{generator}.json",
    log:
        "<logs>/fingerprint_generator/{generator}.log",
    benchmark:
        "<benchmarks>/fingerprint_generator/{generator}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        generator=generator_spec,
    message:
        "Fingerprint the generator {wildcards.generator}"
    script:
        "../scripts/fingerprint_generator.py"


rule generate_images:
    input:
        sources=prompt_sources,
        fingerprint=generator_fingerprint,
        owners=owner_indices,
    output:
        index=ensure(
            "<results>/images/{dataset}/g{scale}/{shard}.parquet", non_empty=True
        ),
    log:
        "<logs>/generate_images/{dataset}/g{scale}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_images/{dataset}/g{scale}/{shard}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: generation_threads
    resources:
        gpu=gpus,
        mem_mb=growing(16000),
        # the same for every attempt, since each resumes where the last one stopped
        runtime=240,
    params:
        recipe=generation_recipe,
    message:
        "Generate {wildcards.dataset} at guidance scale {wildcards.scale}, classes {wildcards.shard}"
    script:
        "../scripts/generate_images.py"


rule index_natural:
    input:
        files=natural_inputs,
        classes=ancient(STUDY.config["classes"]),
    output:
        index=ensure("<results>/images/natural/{set}.parquet", non_empty=True),
        counts="<results>/images/natural/{set}.csv",
    log:
        "<logs>/index_natural/{set}.log",
    benchmark:
        "<benchmarks>/index_natural/{set}.jsonl"
    # run before jobs that cost GPU hours, since this finds bad input
    priority: 10
    conda:
        "../../envs/synthdiv.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        checked=natural_checked,
        recipe=natural_recipe,
    message:
        "Index the natural images of {wildcards.set}"
    script:
        "../scripts/index_natural.py"


rule count_flags:
    input:
        indices=all_indices,
    output:
        table="<results>/tables/flags.csv",
    log:
        "<logs>/count_flags.log",
    benchmark:
        "<benchmarks>/count_flags.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        exclude_flags=sorted(STUDY.config["exclude_flags"]),
    message:
        "Count flagged images"
    script:
        "../scripts/count_flags.py"
