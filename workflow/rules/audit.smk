"""Audit and claims: check the tables for contradictions, and compare them with published results.

1. audit_tables checks the consistency of this study's tables and, if the config names them, of published ones.
2. check_claims tests published claims on this study's tables.
3. compare_published compares published values with this study's, if the config names them.
"""


localrules:
    audit_tables,
    check_claims,
    compare_published,


rule audit_tables:
    input:
        experiments="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        summary="<results>/tables/matrix_summary.csv",
        distances=audited_distances,
        classifiers=audited_classifiers,
        published=published_tables,
    output:
        table="<results>/tables/audit.csv",
    log:
        "<logs>/audit_tables.log",
    benchmark:
        "<benchmarks>/audit_tables.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        prompts_of=prompts_of_sets,
        repeated=repeated_sets,
    message:
        "Audit the tables"
    script:
        "../scripts/audit_tables.py"


rule check_claims:
    input:
        claims=claim_list,
        experiments="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        differences="<results>/tables/experiment_differences.csv",
        metrics=metrics_for_claims,
        classifiers=classifiers_for_claims,
        predictors=predictors_for_claims,
        transfer=transfer_for_claims,
    output:
        table="<results>/tables/claims.csv",
    log:
        "<logs>/check_claims.log",
    benchmark:
        "<benchmarks>/check_claims.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        encoder=list_encoders(STUDY)[0],
        published=STUDY.config["published"],
        roles=set_roles,
    message:
        "Test published claims"
    script:
        "../scripts/check_claims.py"


rule compare_published:
    input:
        experiments="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        distances=audited_distances,
        means=compared_means,
        published=compared_tables,
    output:
        table="<results>/tables/published.csv",
    log:
        "<logs>/compare_published.log",
    benchmark:
        "<benchmarks>/compare_published.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        classifier=first_classifier(),
        study=STUDY.config["published"],
    message:
        "Compare published values with the study's"
    script:
        "../scripts/compare_published.py"
