"""Diagnosis: suspected causes of the shortfall of a generated set's classes against natural ones.

1. embed_class_texts embeds the prompts, other wordings and kinds of picture of each class.
2. gather_evidence measures the evidence for and against each cause, class by class.
3. split_error splits a set's error into its own spread and the location of its classes.
4. tabulate_diagnosis finds a suspected cause for each class, and tabulates the error splits.
5. tabulate_tradeoff compares each set's diversity with its semantic error and its share of another visual domain.
6. compare_interventions tests whether an intervention helps the diagnosed classes more than others.
"""


localrules:
    tabulate_diagnosis,
    tabulate_tradeoff,
    compare_interventions,


rule embed_class_texts:
    input:
        all_prompt_sources,
        encoder=encoder_files,
    output:
        table=ensure(
            "<results>/diagnosis/{encoder}/class_texts.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_class_texts/{encoder}.log",
    benchmark:
        "<benchmarks>/embed_class_texts/{encoder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: embed_threads
    resources:
        gpu=gpus,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        recipe=embed_recipe,
        texts=class_text_recipe,
    message:
        "Embed the class texts ({wildcards.encoder})"
    script:
        "../scripts/embed_class_texts.py"


rule gather_evidence:
    input:
        embeddings=set_embeddings,
        natural=natural_embeddings,
        texts=class_texts_of_set,
    output:
        table=ensure("<results>/diagnosis/{set}/evidence.parquet", non_empty=True),
    log:
        "<logs>/gather_evidence/{set}.log",
    benchmark:
        "<benchmarks>/gather_evidence/{set}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
        turn=1,
    params:
        n_classes=len(STUDY.classes),
        options=evidence_options,
    message:
        "Gather evidence on the classes of {wildcards.set}"
    script:
        "../scripts/gather_evidence.py"


rule split_error:
    input:
        embeddings=set_embeddings,
        references=diagnosis_reference_embeddings,
        target=natural_embeddings,
    output:
        table=ensure("<results>/diagnosis/{set}/error_split.parquet", non_empty=True),
    log:
        "<logs>/split_error/{set}.log",
    benchmark:
        "<benchmarks>/split_error/{set}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
        turn=1,
    params:
        n_classes=len(STUDY.classes),
        references=list_diagnosis_references(STUDY),
    message:
        "Split the error of {wildcards.set}"
    script:
        "../scripts/split_error.py"


rule tabulate_diagnosis:
    input:
        splits=error_splits,
        evidence=evidence_tables,
        classes=STUDY.config["classes"],
    output:
        split="<results>/tables/error_split.csv",
        terms="<results>/tables/error_terms.csv",
        causes="<results>/tables/causes.csv",
        causes_parquet="<results>/tables/causes.parquet",
    log:
        "<logs>/tabulate_diagnosis.log",
    benchmark:
        "<benchmarks>/tabulate_diagnosis.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        diagnosed=list_diagnosed(STUDY),
        natural=find_natural_reference(STUDY),
        seed=STUDY.seed,
        sets=error_split_sets(),
    message:
        "Find a suspected cause for each class"
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
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        described=generation_prompts,
        natural=find_natural_reference(STUDY),
    message:
        "Compare diversity with semantic error"
    script:
        "../scripts/tabulate_tradeoff.py"


rule compare_interventions:
    input:
        predictions=intervention_predictions,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/interventions.csv",
    log:
        "<logs>/compare_interventions.log",
    benchmark:
        "<benchmarks>/compare_interventions.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        classifier=first_classifier(),
        evaluation=first_evaluation_set(),
        training_sets=intervention_training_sets,
    message:
        "Compare the effects of interventions"
    script:
        "../scripts/compare_interventions.py"
