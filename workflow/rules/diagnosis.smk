"""Diagnosis: suspected causes of the shortfall of a generated set's classes against natural ones.

1. embed_class_texts embeds the prompts, other wordings and kinds of picture of each class.
2. gather_evidence measures how each class deviates from natural images, and what its texts say about it.
3. split_error splits a set's error into its own spread and the location of its classes.
4. tabulate_diagnosis finds suspected causes for each class, and tabulates the error splits.
5. tabulate_tradeoff compares each set's diversity with its semantic error and its share of another visual domain.
6. tabulate_interventions measures what training gains from each change of one setting.
7. tabulate_accounts divides the shortfall of each training set into such gains.
8. tabulate_suspicions lists the suspected causes of each set, and what tests each.
9. tabulate_shortfalls says of each class whether it falls short, and what is known of it.
10. measure_shortcut measures how far classifiers tell generated from natural images, instead of classes.
11. tabulate_ladder measures what each step from natural to generated images costs.
"""


localrules:
    measure_shortcut,
    tabulate_diagnosis,
    tabulate_ladder,
    tabulate_shortfalls,
    tabulate_suspicions,
    tabulate_tradeoff,


rule embed_class_texts:
    input:
        sources=ancient(from_plan(diagnosis.list_class_text_sources)),
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
    output:
        table=ensure(
            "<results>/diagnosis/{encoder}/class_texts.parquet", non_empty=True
        ),
    log:
        "<logs>/embed_class_texts/{encoder}.log",
    benchmark:
        "<benchmarks>/embed_class_texts/{encoder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(embeddings.count_embedding_threads)
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(diagnosis.embed_class_texts),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Embed the class texts ({wildcards.encoder})"
    script:
        "../scripts/embed_class_texts.py"


rule gather_evidence:
    input:
        embeddings=from_plan(files.find_set_embeddings),
        natural=from_plan(diagnosis.find_natural_embeddings),
        texts=from_plan(diagnosis.find_class_texts),
    output:
        table=ensure("<results>/diagnosis/{set_name}/evidence.parquet", non_empty=True),
    log:
        "<logs>/gather_evidence/{set_name}.log",
    benchmark:
        "<benchmarks>/gather_evidence/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        job=job_of(diagnosis.gather_evidence),
    message:
        "Gather evidence on the classes of {wildcards.set_name}"
    script:
        "../scripts/gather_evidence.py"


rule split_error:
    input:
        embeddings=from_plan(files.find_set_embeddings),
        references=from_plan(diagnosis.list_diagnosis_embeddings),
        target=from_plan(diagnosis.find_natural_embeddings),
    output:
        table=ensure(
            "<results>/diagnosis/{set_name}/error_split.parquet", non_empty=True
        ),
    log:
        "<logs>/split_error/{set_name}.log",
    benchmark:
        "<benchmarks>/split_error/{set_name}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        turn=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=job_of(diagnosis.split_error),
    message:
        "Split the error of {wildcards.set_name}"
    script:
        "../scripts/split_error.py"


rule tabulate_diagnosis:
    input:
        splits=from_plan(diagnosis.list_error_splits),
        evidence=from_plan(diagnosis.list_evidence),
    output:
        split="<results>/tables/error_split.csv",
        terms="<results>/tables/error_terms.csv",
        causes="<results>/tables/causes.csv",
        causes_parquet="<results>/tables/causes.parquet",
        deviations="<results>/tables/deviations.csv",
    log:
        "<logs>/tabulate_diagnosis.log",
    benchmark:
        "<benchmarks>/tabulate_diagnosis.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.tabulate_diagnosis),
    message:
        "Find suspected causes for each class"
    script:
        "../scripts/tabulate_diagnosis.py"


rule tabulate_tradeoff:
    input:
        causes="<results>/tables/causes.parquet",
        distances="<results>/tables/centroid_distance.parquet",
    output:
        table="<results>/tables/tradeoff.csv",
    log:
        "<logs>/tabulate_tradeoff.log",
    benchmark:
        "<benchmarks>/tabulate_tradeoff.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.tabulate_tradeoff),
    message:
        "Compare diversity with semantic error"
    script:
        "../scripts/tabulate_tradeoff.py"


rule tabulate_interventions:
    input:
        predictions=from_plan(diagnosis.list_intervention_predictions),
    output:
        table="<results>/tables/interventions.csv",
        by_class="<results>/tables/interventions_by_class.parquet",
    log:
        "<logs>/tabulate_interventions.log",
    benchmark:
        "<benchmarks>/tabulate_interventions.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        job=job_of(diagnosis.tabulate_interventions),
    message:
        "Measure what each intervention gains"
    script:
        "../scripts/tabulate_interventions.py"


rule tabulate_accounts:
    input:
        predictions=from_plan(diagnosis.list_account_predictions),
        selection=from_plan(diagnosis.list_choice),
    output:
        table="<results>/tables/accounts.csv",
        by_class="<results>/tables/accounts_by_class.parquet",
    log:
        "<logs>/tabulate_accounts.log",
    benchmark:
        "<benchmarks>/tabulate_accounts.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        job=job_of(diagnosis.tabulate_accounts),
    message:
        "Account for the shortfall of each training set"
    script:
        "../scripts/tabulate_accounts.py"


rule tabulate_suspicions:
    input:
        causes="<results>/tables/causes.parquet",
        deviations="<results>/tables/deviations.csv",
        interventions=from_plan(diagnosis.list_intervention_tables),
        planted=str(REPOSITORY / diagnosis.PLANTED),
    output:
        table="<results>/tables/suspicions.csv",
    log:
        "<logs>/tabulate_suspicions.log",
    benchmark:
        "<benchmarks>/tabulate_suspicions.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.tabulate_suspicions),
    message:
        "List what tests each suspected cause"
    script:
        "../scripts/tabulate_suspicions.py"


rule tabulate_shortfalls:
    input:
        accounts="<results>/tables/accounts_by_class.parquet",
        causes=from_plan(diagnosis.list_causes),
    output:
        table="<results>/tables/shortfalls.csv",
        parquet="<results>/tables/shortfalls.parquet",
    log:
        "<logs>/tabulate_shortfalls.log",
    benchmark:
        "<benchmarks>/tabulate_shortfalls.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.tabulate_shortfalls),
    message:
        "Tabulate the classes that fall short"
    script:
        "../scripts/tabulate_shortfalls.py"


rule measure_shortcut:
    input:
        predictions=from_plan(diagnosis.list_swap_predictions),
    output:
        table="<results>/tables/shortcut.csv",
    log:
        "<logs>/measure_shortcut.log",
    benchmark:
        "<benchmarks>/measure_shortcut.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.measure_shortcut),
    message:
        "Measure how far classifiers tell generated from natural images"
    script:
        "../scripts/measure_shortcut.py"


rule tabulate_ladder:
    input:
        predictions=from_plan(diagnosis.list_ladder_predictions),
    output:
        table="<results>/tables/ladder.csv",
    log:
        "<logs>/tabulate_ladder.log",
    benchmark:
        "<benchmarks>/tabulate_ladder.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(diagnosis.tabulate_ladder),
    message:
        "Measure what each step of the ladder costs"
    script:
        "../scripts/tabulate_ladder.py"
