"""Prompts: as tables, checked by the text encoders' tokenizers, probed, and compared with the images that were made of them.

Generation does not read the tables of prompts: it renders its prompts from the same text files.

1. write_prompts writes the prompts of a dataset for users.
2. check_prompts lists prompts that a text encoder truncates, and those that become identical.
3. score_prompt_probes compares prompts for one class at the same noises ("Diversity and Diffusion", Appendix B).
4. measure_adherence compares images with their own prompts and with prompts in which one modifier has another value.
5. tabulate_adherence tabulates the adherence of each modifier, overall, by class and by value.
"""


localrules:
    tabulate_adherence,


rule write_prompts:
    input:
        sources=ancient(from_plan(prompts.list_sources)),
    output:
        table="<results>/prompts/{dataset}.csv",
    log:
        "<logs>/write_prompts/{dataset}.log",
    benchmark:
        "<benchmarks>/write_prompts/{dataset}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=job_of(prompts.write_prompts),
    message:
        "Write the prompts of {wildcards.dataset}"
    script:
        "../scripts/write_prompts.py"


rule check_prompts:
    input:
        sources=ancient(from_plan(prompts.list_all_sources)),
    output:
        table="<results>/tables/prompt_checks.csv",
    log:
        "<logs>/check_prompts.log",
    benchmark:
        "<benchmarks>/check_prompts.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        job=job_of(prompts.check_prompts),
    message:
        "Check which prompts are truncated or become identical"
    script:
        "../scripts/check_prompts.py"


rule score_prompt_probes:
    input:
        images=from_plan(embeddings.list_probe_embeddings),
        references=from_plan(prompts.list_probe_references),
    output:
        table="<results>/tables/prompt_probes.csv",
    log:
        "<logs>/score_prompt_probes.log",
    benchmark:
        "<benchmarks>/score_prompt_probes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: from_plan(experiments.count_scoring_threads)
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        job=job_of(prompts.score_prompt_probes),
    message:
        "Score the prompt probes"
    script:
        "../scripts/score_prompt_probes.py"


rule measure_adherence:
    input:
        index=from_plan(files.find_set_indices),
        embeddings=from_plan(files.find_set_embeddings),
        sources=ancient(from_plan(prompts.list_set_sources)),
        encoder=from_plan(embeddings.list_encoder_files),
        trial="<results>/trials/encoders/{encoder}.json",
    output:
        adherence=ensure(
            "<results>/adherence/{encoder}/{set_name}.parquet", non_empty=True
        ),
    log:
        "<logs>/measure_adherence/{encoder}/{set_name}.log",
    benchmark:
        "<benchmarks>/measure_adherence/{encoder}/{set_name}.jsonl"
    wildcard_constraints:
        set_name=one_of(list_grammar_sets(STUDY)),
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        device=STUDY.config.device,
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(16000),
        runtime=growing(240),
    params:
        job=job_of(prompts.measure_adherence),
        stamps=stamps_of(embeddings.list_encoder_files),
    message:
        "Measure the modifier adherence of {wildcards.set_name} ({wildcards.encoder})"
    script:
        "../scripts/measure_adherence.py"


rule tabulate_adherence:
    input:
        adherence=from_plan(prompts.list_adherence_tables),
    output:
        table="<results>/tables/adherence.csv",
    log:
        "<logs>/tabulate_adherence.log",
    benchmark:
        "<benchmarks>/tabulate_adherence.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(prompts.tabulate_adherence),
    message:
        "Tabulate the modifier adherence"
    script:
        "../scripts/tabulate_adherence.py"
