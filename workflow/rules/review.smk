"""The review of a generated set's prompts: which classes are misclassified because their prompts are ambiguous?

"Diversity and Diffusion", Section 2, did this by hand. The target `review` is not part of `all`.

1. generate_review generates images of every class of the reviewed set in a split of their own, like generate_images.
2. classify_review classifies them with a classifier trained on natural images, like evaluate_classifier; without one,
   match_review classifies them by class centroids in the first encoder's space.
3. write_review writes a page of the classes with the lowest accuracy, with a proposed clarification of each, and appends to
   the history of reviews.
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
        "Generate the review of {wildcards.set}, classes {wildcards.shard}"


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
        "Classify the review of {wildcards.set} by {wildcards.classifier}, trained on {wildcards.training}"


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
        "Classify the review of {wildcards.set} by class centroids ({wildcards.encoder})"
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
        # the history is not an output, since Snakemake would delete it before the next review
        page=review_page,
    message:
        "Write the review of {wildcards.set}"
    script:
        "../scripts/write_review.py"
