"""The review of a drawn set's prompts: is a class taken for another because its prompt is ambiguous?

By hand in "Diversity and Diffusion", Section 2. No part of `all`; target `review`.

1. generate_review draws images of every class of the reviewed set, as generate_images does, in a split of their own.
2. classify_review has them judged by a classifier trained on natural images, as evaluate_classifier does for sets; or, where
   there is none, match_review by class centroids in the first encoder's space.
3. write_review writes the classes of lowest accuracy as a page, with a proposed clarification of each, and keeps what earlier
   reviews said.
"""


use rule generate_images as generate_review with:
    input:
        sources=reviewed_sources,
        fingerprint=generator_fingerprint,
    output:
        index=ensure("<results>/images/review/{set}/{shard}.parquet", non_empty=True),
    log:
        "<logs>/generate_review/{set}/{shard}.log",
    benchmark:
        "<benchmarks>/generate_review/{set}/{shard}.jsonl"
    message:
        "Draw the review of {wildcards.set}, classes {wildcards.shard}"


use rule evaluate_classifier as classify_review with:
    input:
        models=evaluated_models,
        indices=review_index,
        pretrained=pretrained_files,
    output:
        predictions=ensure(
            "<results>/review/{set}/{classifier}/{training}.parquet", non_empty=True
        ),
    log:
        "<logs>/classify_review/{set}/{classifier}/{training}.log",
    benchmark:
        "<benchmarks>/classify_review/{set}/{classifier}/{training}.jsonl"
    params:
        evaluation=review_evaluation,
    message:
        "Reviewer the review of {wildcards.set} by {wildcards.classifier}, trained on {wildcards.training}"


rule match_review:
    input:
        images=review_embeddings,
        reference=review_reference,
    output:
        predictions=ensure("<results>/review/{set}/{encoder}.parquet", non_empty=True),
    log:
        "<logs>/match_review/{set}/{encoder}.log",
    benchmark:
        "<benchmarks>/match_review/{set}/{encoder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        n_classes=len(STUDY.classes),
        names=review_names,
    message:
        "Reviewer the review of {wildcards.set} by class centroids ({wildcards.encoder})"
    script:
        "../scripts/match_review.py"


rule write_review:
    input:
        predictions=review_predictions,
        indices=review_index,
        classes=STUDY.config["classes"],
    output:
        table="<results>/review/{set}/accuracy.csv",
        page="<results>/review/{set}/review.html",
    log:
        "<logs>/write_review/{set}.log",
    benchmark:
        "<benchmarks>/write_review/{set}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        # its history is no output: Snakemake would remove it before the next review
        page=review_page,
    message:
        "Write the review of {wildcards.set}"
    script:
        "../scripts/write_review.py"
