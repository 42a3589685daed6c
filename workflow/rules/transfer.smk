"""Transfer and features: frozen features of images, by encoders and trained classifiers ("Fake it till you make it").

1. index_transfer indexes a transfer set, which has classes and splits of its own.
2. extract_features extracts a classifier's features, for all its seeds, from a transfer set or natural images; embed_transfer
   embeds a transfer set with an encoder.
3. classify_transfer fits a logistic regression to the features of a transfer set, for tabulate_transfer and plot_transfer.
4. measure_features computes statistics of the features of natural images, for tabulate_features and plot_features.
"""


localrules:
    tabulate_transfer,
    plot_transfer,
    tabulate_features,
    plot_features,


rule index_transfer:
    input:
        files=transfer_inputs,
    output:
        index=ensure("<results>/images/transfer/{transfer_set}.parquet", non_empty=True),
        counts="<results>/images/transfer/{transfer_set}.csv",
    log:
        "<logs>/index_transfer/{transfer_set}.log",
    benchmark:
        "<benchmarks>/index_transfer/{transfer_set}.jsonl"
    # run before jobs that cost GPU hours, since this finds bad input
    priority: 10
    conda:
        "../../envs/synthdiv.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        checked=transfer_checked,
        recipe=transfer_recipe,
    message:
        "Index the transfer set {wildcards.transfer_set}"
    script:
        "../scripts/index_transfer.py"


rule extract_features:
    input:
        models=evaluated_models,
        index="<results>/images/{feature_images}.parquet",
        pretrained=pretrained_files,
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
    threads: embed_threads
    resources:
        gpu=gpus,
        mem_mb=growing(16000),
        runtime=growing(120),
        turn=1,
    params:
        options=extraction_options,
    message:
        "Extract the features of {wildcards.feature_images} by {wildcards.classifier}, trained on {wildcards.training}"
    script:
        "../scripts/extract_features.py"


use rule embed_images as embed_transfer with:
    input:
        index="<results>/images/transfer/{transfer_set}.parquet",
        encoder=encoder_files,
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
        recipe=embed_transfer_recipe,
    message:
        "Embed the transfer set {wildcards.transfer_set} ({wildcards.encoder})"


rule classify_transfer:
    input:
        features=encoding_features,
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
    threads: transfer_threads
    resources:
        mem_mb=growing(16000),
        runtime=growing(480),
    params:
        options=transfer_options,
        seeds=encoding_seeds,
    message:
        "Classify {wildcards.transfer_set} by the features of {wildcards.encoding}"
    script:
        "../scripts/classify_transfer.py"


rule tabulate_transfer:
    input:
        predictions=transfer_predictions,
        trials=transfer_trials,
    output:
        table="<results>/tables/transfer.csv",
        means="<results>/tables/transfer_means.csv",
    log:
        "<logs>/tabulate_transfer.log",
    benchmark:
        "<benchmarks>/tabulate_transfer.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        encodings=transfer_encodings,
        natural=find_natural_images(STUDY),
    message:
        "Tabulate the accuracy of frozen features on transfer sets"
    script:
        "../scripts/tabulate_transfer.py"


rule plot_transfer:
    input:
        means="<results>/tables/transfer_means.csv",
    output:
        figure=report(
            "<results>/figures/transfer.png",
            caption="../report/transfer.rst",
            category="8 Classifiers",
            labels={"figure": "Transfer of frozen features"},
        ),
    log:
        "<logs>/plot_transfer.log",
    benchmark:
        "<benchmarks>/plot_transfer.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot the accuracy of frozen features on transfer sets"
    script:
        "../scripts/plot_transfer.py"


rule measure_features:
    input:
        features=natural_features,
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
    threads: scoring_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
        turn=1,
    params:
        options=feature_statistics_options,
        seeds=classifier_seeds,
    message:
        "Measure the features of {wildcards.classifier}, trained on {wildcards.training}"
    script:
        "../scripts/measure_features.py"


rule tabulate_features:
    input:
        statistics=feature_statistics,
    output:
        table="<results>/tables/feature_statistics.csv",
    log:
        "<logs>/tabulate_features.log",
    benchmark:
        "<benchmarks>/tabulate_features.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        evaluations=evaluated_pairs,
        image_set=find_feature_set(STUDY),
    message:
        "Tabulate the statistics of the features"
    script:
        "../scripts/tabulate_features.py"


rule plot_features:
    input:
        statistics="<results>/tables/feature_statistics.csv",
        classifiers="<results>/tables/classifier_means.csv",
        transfer=plotted_transfer,
    output:
        figure=report(
            "<results>/figures/features.png",
            caption="../report/features.rst",
            category="8 Classifiers",
            labels={"figure": "Features and accuracies (spider plot)"},
        ),
    log:
        "<logs>/plot_features.log",
    benchmark:
        "<benchmarks>/plot_features.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        natural=find_natural_images(STUDY),
    message:
        "Plot the statistics of the features and accuracies"
    script:
        "../scripts/plot_features.py"
