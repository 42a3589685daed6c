"""Classifiers: accuracy when trained on a set (the paper's Tables 1 and 2).

1. try_recipe updates a classifier once, to see whether its recipe works.
2. train_classifier trains a classifier on a set or a mixture, with one or several seeds.
3. evaluate_classifier evaluates it on sets, for all seeds, and keeps its predictions.
4. import_predictions imports predictions of classifiers that were trained elsewhere.
5. choose_training_sets chooses the best training set by images that are not evaluated.
6. tabulate_classifiers makes the tables from the evaluations.
7. rank_predictors ranks metrics, computed before training, as predictors of shortfalls and of the gains of interventions.
8. measure_exchange_rate measures how many natural images a training set is worth.
"""


localrules:
    choose_training_sets,
    tabulate_classifiers,
    rank_predictors,
    measure_exchange_rate,


rule try_recipe:
    input:
        pretrained=from_plan(classifiers.list_pretrained_files),
    output:
        trial="<results>/trials/classifiers/{classifier}.json",
    log:
        "<logs>/try_recipe/{classifier}.log",
    benchmark:
        "<benchmarks>/try_recipe/{classifier}.jsonl"
    # what cannot work should fail before anything else is computed
    priority: 1
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(embeddings.count_embedding_threads)
    resources:
        processes=from_plan(classifiers.count_processes),
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(32000),
        runtime=growing(60),
    params:
        job=job_of(classifiers.try_recipe),
        stamps=stamps_of(classifiers.list_pretrained_files),
    message:
        "Try the recipe of {wildcards.classifier}"
    script:
        "../scripts/try_recipe.py"


rule train_classifier:
    input:
        trial="<results>/trials/classifiers/{classifier}.json",
        indices=from_plan(classifiers.list_training_indices),
        initial=from_plan(classifiers.list_initial_weights),
        monitored=from_plan(classifiers.list_monitored_indices),
        pretrained=from_plan(classifiers.list_pretrained_files),
    output:
        # the files that they name stay when the job runs again, so that no finished run is repeated
        weights="<results>/classifiers/{classifier}/{training}/weights_{seeds}.json",
        logs="<results>/classifiers/{classifier}/{training}/logs_{seeds}.json",
    log:
        "<logs>/train_classifier/{classifier}/{training}/{seeds}.log",
    benchmark:
        "<benchmarks>/train_classifier/{classifier}/{training}/{seeds}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(classifiers.count_training_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(classifiers.count_training_gpus),
        nodes=1,
        processes=from_plan(classifiers.count_processes),
        checkpoint_seconds=from_plan(classifiers.find_checkpoint_seconds),
        mem_mb=growing(32000),
        # the same for every attempt, since each resumes where the last one stopped
        runtime=2880,
    params:
        job=job_of(classifiers.train_classifier),
        stamps=stamps_of(classifiers.list_pretrained_files),
    message:
        "Train {wildcards.classifier} on {wildcards.training}, seeds {wildcards.seeds}"
    script:
        "../scripts/train_classifier.py"


rule evaluate_classifier:
    input:
        trial="<results>/trials/classifiers/{classifier}.json",
        models=from_plan(classifiers.list_evaluated_weights),
        indices=from_plan(classifiers.list_evaluation_indices),
        pretrained=from_plan(classifiers.list_pretrained_files),
    output:
        predictions=ensure(
            "<results>/evaluations/{classifier}/{training}.parquet", non_empty=True
        ),
        # without rows, unless the classifier's best training set is chosen
        selection="<results>/selection/{classifier}/{training}.parquet",
    log:
        "<logs>/evaluate_classifier/{classifier}/{training}.log",
    benchmark:
        "<benchmarks>/evaluate_classifier/{classifier}/{training}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(embeddings.count_embedding_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(16000),
        runtime=growing(240),
    params:
        job=job_of(classifiers.evaluate_classifier),
        stamps=stamps_of(classifiers.list_pretrained_files),
    message:
        "Evaluate {wildcards.classifier}, trained on {wildcards.training}"
    script:
        "../scripts/evaluate_classifier.py"


rule import_predictions:
    input:
        table=from_plan(classifiers.find_predictions),
    output:
        predictions=ensure(
            "<results>/evaluations/{predictions}/{training}.parquet", non_empty=True
        ),
        selection="<results>/selection/{predictions}/{training}.parquet",
    log:
        "<logs>/import_predictions/{predictions}/{training}.log",
    benchmark:
        "<benchmarks>/import_predictions/{predictions}/{training}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        job=job_of(classifiers.import_predictions),
        stamps=stamps_of(classifiers.list_prediction_files),
    message:
        "Import the predictions of {wildcards.predictions}, trained on {wildcards.training}"
    script:
        "../scripts/import_predictions.py"


rule choose_training_sets:
    input:
        predictions=from_plan(classifiers.list_selection_predictions),
    output:
        table="<results>/tables/selection.csv",
    log:
        "<logs>/choose_training_sets.log",
    benchmark:
        "<benchmarks>/choose_training_sets.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(classifiers.choose_training_sets),
    message:
        "Choose the best training sets"
    script:
        "../scripts/choose_training_sets.py"


rule tabulate_classifiers:
    input:
        predictions=from_plan(classifiers.list_evaluation_predictions),
        models=from_plan(classifiers.list_weights),
    output:
        table="<results>/tables/classifiers.csv",
        parquet="<results>/tables/classifiers.parquet",
        means="<results>/tables/classifier_means.csv",
        per_class="<results>/tables/classifiers_per_class.parquet",
        confusion="<results>/tables/classifier_confusion.parquet",
        differences="<results>/tables/classifier_differences.csv",
        gaps="<results>/tables/shift_gaps.csv",
    log:
        "<logs>/tabulate_classifiers.log",
    benchmark:
        "<benchmarks>/tabulate_classifiers.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(classifiers.tabulate_classifiers),
    message:
        "Tabulate the classifiers"
    script:
        "../scripts/tabulate_classifiers.py"


rule rank_predictors:
    input:
        classifiers="<results>/tables/classifier_means.csv",
        classifiers_per_class="<results>/tables/classifiers_per_class.parquet",
        metrics="<results>/tables/set_metrics.parquet",
        metrics_per_class="<results>/tables/set_metrics_per_class.parquet",
        experiments="<results>/tables/experiments.parquet",
        experiments_per_class="<results>/tables/per_class.parquet",
        embedding_classifiers="<results>/tables/embedding_classifiers.parquet",
    output:
        table="<results>/tables/predictors.csv",
        points="<results>/tables/predictor_points.parquet",
    log:
        "<logs>/rank_predictors.log",
    benchmark:
        "<benchmarks>/rank_predictors.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(classifiers.rank_predictors),
    message:
        "Rank the predictors of shortfalls and gains"
    script:
        "../scripts/rank_predictors.py"


rule measure_exchange_rate:
    input:
        means="<results>/tables/classifier_means.csv",
        models=from_plan(classifiers.list_weights),
    output:
        table="<results>/tables/exchange_rate.csv",
    log:
        "<logs>/measure_exchange_rate.log",
    benchmark:
        "<benchmarks>/measure_exchange_rate.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(classifiers.measure_exchange_rate),
    message:
        "Measure how many natural images a training set is worth"
    script:
        "../scripts/measure_exchange_rate.py"
