"""Diagnosis: why the classes of a drawn set fall short of natural ones.

1. embed_class_texts embeds the prompts, other wordings and kinds of picture of each class.
2. gather_evidence measures what speaks for or against each cause, class by class.
3. split_error tells what of a set's error its own spread makes, and what the place of its classes.
4. tabulate_diagnosis names a cause for each class, and puts the splits together.
5. tabulate_tradeoff puts the diversity of each set beside its semantic error and the share of another visual domain.
6. compare_interventions says whether a cure helps the diagnosed classes more than others.
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
        texts=text_recipe,
    message:
        "Embed texts that say the classes ({wildcards.encoder})"
    script:
        "../scripts/embed_class_texts.py"


rule gather_evidence:
    input:
        embeddings=own_embeddings,
        natural=natural_embeddings,
        texts=texts_of_set,
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
        embeddings=own_embeddings,
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
        evidence=gathered_evidence,
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
        natural=find_natural(STUDY),
        seed=STUDY.seed,
        sets=split_sets(),
    message:
        "Name a cause for each class"
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
        natural=find_natural(STUDY),
    message:
        "Put diversity beside semantic error"
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
        evaluation=first_evaluation(),
        trainings=intervention_trainings,
    message:
        "Compare what cures change"
    script:
        "../scripts/compare_interventions.py"
