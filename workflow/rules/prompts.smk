"""Prompts as tables for users, and checks of the prompts by the text encoders' tokenizers.

Generation does not read these tables: it renders its prompts from the same text files.
"""


rule write_prompts:
    input:
        sources=prompt_sources,
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
        recipe=prompt_recipe,
    message:
        "Write the prompts of {wildcards.dataset}"
    script:
        "../scripts/write_prompts.py"


rule check_prompts:
    input:
        sources=all_prompt_sources,
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
        recipes=all_prompt_recipes,
    message:
        "Check which prompts are truncated or become identical"
    script:
        "../scripts/check_prompts.py"
