"""Transfer and features: frozen features of images, by encoders and trained classifiers ("Fake it till you make it").

1. extract_features extracts a classifier's features, for all its seeds, from a transfer set or natural images.
2. classify_transfer fits a logistic regression to the features of a transfer set, for tabulate_transfer.
3. measure_features computes statistics of the features of natural images, for tabulate_features.
"""


localrules:
    tabulate_transfer,
    tabulate_features,


rule extract_features:
    input:
        models=from_plan(classifiers.list_evaluated_weights),
        index="<results>/images/{feature_images}.parquet",
        pretrained=from_plan(classifiers.list_pretrained_files),
    output:
        table=ensure(
            "<results>/features/{feature_images}/{classifier}/{training}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/extract_features/{feature_images}/{classifier}/{training}.log",
    benchmark:
        "<benchmarks>/extract_features/{feature_images}/{classifier}/{training}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(embeddings.count_embedding_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        turn=1,
        mem_mb=growing(16000),
        runtime=growing(120),
    params:
        job=job_of(transfer.extract_features),
        stamps=stamps_of(classifiers.list_pretrained_files),
    message:
        "Extract the features of {wildcards.feature_images} by {wildcards.classifier}, trained on {wildcards.training}"
    script:
        "../scripts/extract_features.py"


rule classify_transfer:
    input:
        features=from_plan(transfer.find_encoding_features),
    output:
        predictions=ensure(
            "<results>/transfer/{transfer_set}/{encoding}.parquet", non_empty=True
        ),
        trials="<results>/transfer/{transfer_set}/{encoding}.trials.parquet",
    log:
        "<logs>/classify_transfer/{transfer_set}/{encoding}.log",
    benchmark:
        "<benchmarks>/classify_transfer/{transfer_set}/{encoding}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(transfer.count_transfer_threads)
    resources:
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        job=job_of(transfer.classify_transfer),
    message:
        "Classify {wildcards.transfer_set} by the features of {wildcards.encoding}"
    script:
        "../scripts/classify_transfer.py"


rule tabulate_transfer:
    input:
        predictions=from_plan(transfer.list_transfer_predictions),
        trials=from_plan(transfer.list_transfer_trials),
    output:
        table="<results>/tables/transfer.csv",
        means="<results>/tables/transfer_means.csv",
    log:
        "<logs>/tabulate_transfer.log",
    benchmark:
        "<benchmarks>/tabulate_transfer.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(transfer.tabulate_transfer),
    message:
        "Tabulate the accuracy of frozen features on transfer sets"
    script:
        "../scripts/tabulate_transfer.py"


rule measure_features:
    input:
        features=from_plan(transfer.find_natural_features),
    output:
        statistics=ensure(
            "<results>/feature_statistics/{classifier}/{training}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/measure_features/{classifier}/{training}.log",
    benchmark:
        "<benchmarks>/measure_features/{classifier}/{training}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(transfer.measure_features),
    message:
        "Measure the features of {wildcards.classifier}, trained on {wildcards.training}"
    script:
        "../scripts/measure_features.py"


rule tabulate_features:
    input:
        statistics=from_plan(transfer.list_feature_statistics),
    output:
        table="<results>/tables/feature_statistics.csv",
    log:
        "<logs>/tabulate_features.log",
    benchmark:
        "<benchmarks>/tabulate_features.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(transfer.tabulate_features),
    message:
        "Tabulate the statistics of the features"
    script:
        "../scripts/tabulate_features.py"
