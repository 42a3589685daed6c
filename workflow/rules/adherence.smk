"""Modifier adherence: which parts of a grammar's prompts show in the images (the paper's Appendix B).

1. measure_adherence compares images of a set with their own prompts and with prompts in which one modifier has another value.
2. tabulate_adherence tabulates the adherence of each modifier, overall, by class and by value.
"""


localrules:
    tabulate_adherence,


rule measure_adherence:
    input:
        index=adherence_index,
        embeddings=set_embeddings,
        sources=set_prompt_sources,
        encoder=encoder_files,
    output:
        adherence=ensure("<results>/adherence/{encoder}/{set}.parquet", non_empty=True),
    log:
        "<logs>/measure_adherence/{encoder}/{set}.log",
    benchmark:
        "<benchmarks>/measure_adherence/{encoder}/{set}.jsonl"
    wildcard_constraints:
        set=one_of(list_grammar_sets(STUDY)),
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        gpu=gpus,
        mem_mb=growing(16000),
        runtime=growing(240),
    params:
        options=adherence_options,
        prompts=set_prompt_recipe,
        recipe=embed_recipe,
    message:
        "Measure the modifier adherence of {wildcards.set} ({wildcards.encoder})"
    script:
        "../scripts/measure_adherence.py"


rule tabulate_adherence:
    input:
        adherence=adherence_measurements,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/adherence.csv",
    log:
        "<logs>/tabulate_adherence.log",
    benchmark:
        "<benchmarks>/tabulate_adherence.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        sets=list_grammar_sets(STUDY),
    message:
        "Tabulate the modifier adherence"
    script:
        "../scripts/tabulate_adherence.py"
