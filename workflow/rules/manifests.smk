"""Manifests: one small file that represents all tables of a collection, if there are several."""


rule write_manifest:
    input:
        tables=manifest_tables,
    output:
        manifest="<results>/{folder}/manifest.json",
    log:
        "<logs>/write_manifest/{folder}.log",
    benchmark:
        "<benchmarks>/write_manifest/{folder}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    message:
        "Write the manifest of {wildcards.folder}"
    script:
        "../scripts/write_manifest.py"
