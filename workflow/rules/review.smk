"""Review of a set's prompts: which classes are misclassified because their prompts are ambiguous?

"Diversity and Diffusion", Section 2, did this by hand. The target `review` is not part of `all`. The rule generate_review
generates images of every class of the reviewed set.

1. classify_review classifies them with a classifier trained on natural images, like evaluate_classifier; without one,
   match_review classifies them by class centroids in the first encoder's space.
2. write_review writes a page of the classes with the lowest accuracy, with a proposed clarification of each, and appends to
   the history of reviews.
"""


use rule evaluate_classifier as classify_review with:
    input:
        trial="<results>/trials/classifiers/{classifier}.json",
        models=from_plan(classifiers.list_evaluated_weights),
        indices=from_plan(review.list_review_indices),
        pretrained=from_plan(classifiers.list_pretrained_files),
    output:
        predictions=ensure(
            "<results>/review/{set_name}/{classifier}/{training}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/classify_review/{set_name}/{classifier}/{training}.log",
    benchmark:
        "<benchmarks>/classify_review/{set_name}/{classifier}/{training}.jsonl"
    params:
        job=job_of(review.classify_review),
        stamps=stamps_of(classifiers.list_pretrained_files),
    message:
        "Classify the review of {wildcards.set_name} by {wildcards.classifier}, trained on {wildcards.training}"


rule match_review:
    input:
        images=from_plan(review.find_review_embeddings),
        reference=from_plan(review.find_review_reference),
    output:
        predictions=ensure(
            "<results>/review/{set_name}/{encoder}.parquet", non_empty=True
        ),
    log:
        "<logs>/match_review/{set_name}/{encoder}.log",
    benchmark:
        "<benchmarks>/match_review/{set_name}/{encoder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        job=job_of(review.match_review),
    message:
        "Classify the review of {wildcards.set_name} by class centroids ({wildcards.encoder})"
    script:
        "../scripts/match_review.py"


rule write_review:
    input:
        predictions=from_plan(review.find_review_predictions),
        indices=from_plan(review.list_review_indices),
    output:
        table="<results>/review/{set_name}/accuracy.csv",
        page="<results>/review/{set_name}/review.html",
    log:
        "<logs>/write_review/{set_name}.log",
    benchmark:
        "<benchmarks>/write_review/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        job=job_of(review.write_review),
    message:
        "Write the review of {wildcards.set_name}"
    script:
        "../scripts/write_review.py"
