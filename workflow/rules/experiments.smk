"""Experiments: every reference set against every query set.

1. score_experiment classifies the queries of one pair by centroids and neighbours, and keeps its predictions.
2. tabulate_experiments makes the matrix from them, overall and per class, and tests which experiments differ significantly.
3. train_linear_probe fits a linear probe, a logistic regression, to the embeddings of a reference.
4. classify_embeddings evaluates it and other classifiers, fitted to the reference, on the queries.
5. tabulate_embedding_classifiers tabulates their accuracies.
6. compare_encoders tests whether the metrics of sets and experiments agree across encoders.
"""


localrules:
    tabulate_experiments,
    tabulate_embedding_classifiers,
    compare_encoders,


rule score_experiment:
    input:
        reference=from_plan(files.find_reference_embeddings),
        query=from_plan(experiments.find_query_embeddings),
    output:
        predictions=ensure(
            "<results>/experiments/{encoder}/{reference}/{query}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/score_experiment/{encoder}/{reference}/{query}.log",
    benchmark:
        "<benchmarks>/score_experiment/{encoder}/{reference}/{query}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        device=STUDY.config.scoring_device,
        gpu=from_plan(experiments.count_scoring_gpus),
        turn=1,
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        job=job_of(experiments.score_experiment),
    message:
        "Score reference {wildcards.reference} x query {wildcards.query} ({wildcards.encoder})"
    script:
        "../scripts/score_experiment.py"


rule tabulate_experiments:
    input:
        predictions=from_plan(experiments.list_predictions),
    output:
        table="<results>/tables/experiments.csv",
        parquet="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        summary="<results>/tables/matrix_summary.csv",
        differences="<results>/tables/experiment_differences.csv",
        by_encoder="<results>/tables/experiments_by_encoder.csv",
        per_class_by_encoder="<results>/tables/per_class_by_encoder.parquet",
    log:
        "<logs>/tabulate_experiments.log",
    benchmark:
        "<benchmarks>/tabulate_experiments.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(experiments.tabulate_experiments),
    message:
        "Tabulate the experiments"
    script:
        "../scripts/tabulate_experiments.py"


rule train_linear_probe:
    input:
        reference=from_plan(files.find_reference_embeddings),
    output:
        probe=ensure(
            "<results>/linear_probes/{encoder}/{reference}.npz", non_empty=True
        ),
    log:
        "<logs>/train_linear_probe/{encoder}/{reference}.log",
    benchmark:
        "<benchmarks>/train_linear_probe/{encoder}/{reference}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        job=job_of(experiments.train_linear_probe),
    message:
        "Train a logistic regression on {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/train_linear_probe.py"


rule classify_embeddings:
    input:
        reference=from_plan(files.find_reference_embeddings),
        queries=from_plan(experiments.list_classified_embeddings),
        probe=from_plan(experiments.find_linear_probe),
    output:
        predictions=ensure(
            "<results>/classifications/{encoder}/{reference}.parquet", non_empty=True
        ),
    log:
        "<logs>/classify_embeddings/{encoder}/{reference}.log",
    benchmark:
        "<benchmarks>/classify_embeddings/{encoder}/{reference}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        device=STUDY.config.scoring_device,
        gpu=from_plan(experiments.count_scoring_gpus),
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        job=job_of(experiments.classify_embeddings),
    message:
        "Classify the queries by classifiers fitted to {wildcards.reference} ({wildcards.encoder})"
    script:
        "../scripts/classify_embeddings.py"


rule tabulate_embedding_classifiers:
    input:
        predictions=from_plan(experiments.list_classifications),
    output:
        table="<results>/tables/embedding_classifiers.csv",
        parquet="<results>/tables/embedding_classifiers.parquet",
    log:
        "<logs>/tabulate_embedding_classifiers.log",
    benchmark:
        "<benchmarks>/tabulate_embedding_classifiers.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(experiments.tabulate_embedding_classifiers),
    message:
        "Tabulate the classifiers on embeddings"
    script:
        "../scripts/tabulate_embedding_classifiers.py"


rule compare_encoders:
    input:
        experiments="<results>/tables/experiments_by_encoder.csv",
        metrics="<results>/tables/set_metrics.parquet",
    output:
        table="<results>/tables/encoder_agreement.csv",
    log:
        "<logs>/compare_encoders.log",
    benchmark:
        "<benchmarks>/compare_encoders.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(experiments.compare_encoders),
    message:
        "Compare the metrics across encoders"
    script:
        "../scripts/compare_encoders.py"
