"""Listings: one small file that stands for all tables of a collection, where there are several."""


rule list_tables:
    input:
        tables=listed_tables,
    output:
        listing="<results>/{folder}/tables.json",
    log:
        "<logs>/list_tables/{folder}.log",
    benchmark:
        "<benchmarks>/list_tables/{folder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    message:
        "List the tables of {wildcards.folder}"
    script:
        "../scripts/list_tables.py"
