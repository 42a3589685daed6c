"""Embeddings: unit vectors of images and prompts in the encoder's space, one table per shard.

embed_images reads any index, of generated or natural images; embed_prompts renders the prompts; import_embeddings checks
user-provided tables.
"""


rule embed_images:
    input:
        index=embedded_index,
        encoder=encoder_files,
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/{images}/{shard}.parquet", non_empty=True
        ),
    log:
        "<logs>/embed_images/{encoder}/{images}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_images/{encoder}/{images}/{shard}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: embed_threads
    resources:
        gpu=gpus,
        mem_mb=growing(16000),
        runtime=growing(60),
        turn=1,
    params:
        recipe=embed_recipe,
    message:
        "Embed the images of {wildcards.images}, classes {wildcards.shard}"
    script:
        "../scripts/embed_images.py"


rule embed_prompts:
    input:
        sources=prompt_sources,
        encoder=encoder_files,
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/prompts/{dataset}/{shard}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_prompts/{encoder}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_prompts/{encoder}/{dataset}/{shard}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        gpu=gpus,
        mem_mb=growing(8000),
        runtime=growing(60),
        turn=1,
    params:
        recipe=embed_recipe,
        prompts=prompt_recipe,
    message:
        "Embed the prompts of {wildcards.dataset}, classes {wildcards.shard}"
    script:
        "../scripts/embed_prompts.py"


rule import_embeddings:
    input:
        files=user_embedding_files,
        classes=ancient(STUDY.config["classes"]),
    output:
        table=ensure("<results>/embeddings/user/{set}.parquet", non_empty=True),
    log:
        "<logs>/import_embeddings/{set}.log",
    benchmark:
        "<benchmarks>/import_embeddings/{set}.jsonl"
    # run before jobs that cost GPU hours, since this finds bad input
    priority: 10
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        source=user_embedding_source,
        n_classes=len(STUDY.classes),
    message:
        "Check and import the embedding tables of {wildcards.set}"
    script:
        "../scripts/import_embeddings.py"
