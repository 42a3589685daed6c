"""Embeddings: unit vectors of images and prompts in the encoder's space, one table per shard.

1. try_encoder embeds two images and prompts, to see whether the encoder works.
2. embed_images embeds the images of a shard; embed_prompt_probe and embed_transfer those of a prompt probe and of a transfer
   set.
3. embed_prompts renders and embeds the prompts of a shard.
4. import_embeddings checks user-provided tables.
5. write_manifest writes one small file that represents all tables of a folder, of images or embeddings, if there are several.
"""


rule try_encoder:
    input:
        encoder=from_plan(embeddings.list_encoder_files),
    output:
        trial="<results>/trials/encoders/{encoder}.json",
    log:
        "<logs>/try_encoder/{encoder}.log",
    benchmark:
        "<benchmarks>/try_encoder/{encoder}.jsonl"
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
        job=job_of(embeddings.try_encoder),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Try the encoder {wildcards.encoder}"
    script:
        "../scripts/try_encoder.py"


rule embed_images:
    input:
        index=from_plan(embeddings.find_embedded_index),
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/{collection}/{shard}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_images/{encoder}/{collection}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_images/{encoder}/{collection}/{shard}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(embeddings.count_embedding_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        turn=1,
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        job=job_of(embeddings.embed_images),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Embed the images of {wildcards.collection}, classes {wildcards.shard}"
    script:
        "../scripts/embed_images.py"


use rule embed_images as embed_prompt_probe with:
    input:
        index="<results>/images/prompt_probes/{probe}.parquet",
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/prompt_probes/{probe}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_prompt_probe/{encoder}/{probe}.log",
    benchmark:
        "<benchmarks>/embed_prompt_probe/{encoder}/{probe}.jsonl"
    params:
        job=job_of(embeddings.embed_prompt_probe),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Embed the images of the prompt probe {wildcards.probe}"


use rule embed_images as embed_transfer with:
    input:
        index="<results>/images/transfer/{transfer_set}.parquet",
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/transfer/{transfer_set}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_transfer/{encoder}/{transfer_set}.log",
    benchmark:
        "<benchmarks>/embed_transfer/{encoder}/{transfer_set}.jsonl"
    params:
        job=job_of(embeddings.embed_transfer),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Embed the transfer set {wildcards.transfer_set} ({wildcards.encoder})"


rule embed_prompts:
    input:
        sources=ancient(from_plan(prompts.list_sources)),
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
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
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(embeddings.embed_prompts),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Embed the prompts of {wildcards.dataset}, classes {wildcards.shard}"
    script:
        "../scripts/embed_prompts.py"


rule import_embeddings:
    input:
        files=from_plan(embeddings.list_imported_files),
    output:
        table=ensure("<results>/embeddings/user/{set_name}.parquet", non_empty=True),
    log:
        "<logs>/import_embeddings/{set_name}.log",
    benchmark:
        "<benchmarks>/import_embeddings/{set_name}.jsonl"
    # run before jobs that cost GPU hours, since this finds bad input
    priority: 10
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        job=job_of(embeddings.import_embeddings),
        stamps=stamps_of(embeddings.list_imported_files),
    message:
        "Check and import the embedding tables of {wildcards.set_name}"
    script:
        "../scripts/import_embeddings.py"


rule write_manifest:
    input:
        tables=from_plan(files.list_tables),
    output:
        manifest="<results>/{folder}/manifest.json",
    log:
        "<logs>/write_manifest/{folder}.log",
    benchmark:
        "<benchmarks>/write_manifest/{folder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        job=job_of(files.write_manifest),
    message:
        "Write the manifest of {wildcards.folder}"
    script:
        "../scripts/write_manifest.py"
