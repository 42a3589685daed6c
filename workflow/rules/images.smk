"""Images: generated ones as blocks in the archive, natural ones in their own files; both with index tables.

1. fingerprint_generator identifies a generator by its weights and scheduler, and tries it.
2. generate_images generates the missing images of a dataset's shard, and writes its index; generate_review and
   generate_prompt_probe those of a review and of a prompt probe, in splits of their own.
3. generate_rung makes the images of a rung of the ladder: natural images in another size and format, encoded and decoded, or
   changed by the generator, and images of captions or prompts without guidance.
4. index_images indexes the images of a natural set or of a transfer set, and decodes each once.
5. tabulate_natural_images tabulates what was found in the natural sets, and what of it is used.
6. count_flags counts the images that are black, nearly uniform, unsafe or undecodable.
"""


localrules:
    count_flags,
    tabulate_natural_images,


rule fingerprint_generator:
    input:
        files=from_plan(images.list_generator_files),
    output:
        fingerprint="<results>/generators/{generator}.json",
    log:
        "<logs>/fingerprint_generator/{generator}.log",
    benchmark:
        "<benchmarks>/fingerprint_generator/{generator}.jsonl"
    # what cannot work should fail before anything else is computed
    priority: 1
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        job=job_of(images.fingerprint_generator),
        stamps=stamps_of(images.list_generator_files),
    message:
        "Fingerprint and try the generator {wildcards.generator}"
    script:
        "../scripts/fingerprint_generator.py"


rule generate_images:
    input:
        sources=ancient(from_plan(prompts.list_sources)),
        fingerprint=from_plan(images.find_fingerprint),
        owners=from_plan(images.list_owner_indices),
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
    threads: from_plan(images.count_generation_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(16000),
        # the same for every attempt, since each resumes where the last one stopped
        runtime=240,
    params:
        job=job_of(images.generate_images),
        stamps=stamps_of(images.list_checker_files),
    message:
        "Generate {wildcards.dataset} at guidance scale {wildcards.scale}, classes {wildcards.shard}"
    script:
        "../scripts/generate_images.py"


use rule generate_images as generate_review with:
    input:
        sources=ancient(from_plan(prompts.list_set_sources)),
        fingerprint=from_plan(images.find_fingerprint),
    output:
        index=ensure(
            "<results>/images/review/{set_name}/{shard}.parquet", non_empty=True
        ),
    log:
        "<logs>/generate_review/{set_name}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_review/{set_name}/{shard}.jsonl"
    params:
        job=job_of(images.generate_review),
        stamps=stamps_of(images.list_checker_files),
    message:
        "Generate the review of {wildcards.set_name}, classes {wildcards.shard}"


use rule generate_images as generate_prompt_probe with:
    input:
        fingerprint=from_plan(images.find_fingerprint),
    output:
        index=ensure("<results>/images/prompt_probes/{probe}.parquet", non_empty=True),
    log:
        "<logs>/generate_prompt_probe/{probe}.log",
    benchmark:
        "<benchmarks>/generate_prompt_probe/{probe}.jsonl"
    params:
        job=job_of(images.generate_prompt_probe),
        stamps=stamps_of(images.list_checker_files),
    message:
        "Generate the prompt probe {wildcards.probe}"


rule generate_rung:
    input:
        sources=ancient(from_plan(images.list_rung_sources)),
        natural=from_plan(images.list_natural_indices),
        fingerprint=from_plan(images.find_ladder_fingerprint),
        owners=from_plan(images.list_rung_owners),
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
        job=job_of(images.generate_rung),
        stamps=stamps_of(images.list_ladder_checker_files),
    message:
        "Make the images of {wildcards.rung}, classes {wildcards.shard}"
    script:
        "../scripts/generate_rung.py"


rule index_images:
    input:
        files=from_plan(images.list_indexed_files),
    output:
        index=ensure("<results>/images/{indexed}.parquet", non_empty=True),
        counts="<results>/images/{indexed}.csv",
    log:
        "<logs>/index_images/{indexed}.log",
    benchmark:
        "<benchmarks>/index_images/{indexed}.jsonl"
    # run before jobs that cost GPU hours, since this finds bad input
    priority: 10
    conda:
        "../../envs/synthdiv.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        job=job_of(images.index_images),
        stamps=stamps_of(images.list_indexed_files),
    message:
        "Index the images of {wildcards.indexed}"
    script:
        "../scripts/index_images.py"


rule tabulate_natural_images:
    input:
        counts=from_plan(images.list_natural_counts),
    output:
        table="<results>/tables/natural_images.csv",
    log:
        "<logs>/tabulate_natural_images.log",
    benchmark:
        "<benchmarks>/tabulate_natural_images.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(images.tabulate_natural_images),
    message:
        "Tabulate the images found in the natural sets"
    script:
        "../scripts/tabulate_natural_images.py"


rule count_flags:
    input:
        indices=from_plan(images.list_all_indices),
    output:
        table="<results>/tables/flags.csv",
    log:
        "<logs>/count_flags.log",
    benchmark:
        "<benchmarks>/count_flags.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(images.count_flags),
    message:
        "Count flagged images"
    script:
        "../scripts/count_flags.py"
