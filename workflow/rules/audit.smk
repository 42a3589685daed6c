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
        distances=existing("centroid_distance.parquet"),
        classifiers=existing("classifiers.parquet"),
        published=from_paper(audit.list_published_tables),
    output:
        table="<results>/tables/audit.csv",
    log:
        "<logs>/audit_tables.log",
    benchmark:
        "<benchmarks>/audit_tables.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(audit.audit_tables),
    message:
        "Audit the tables"
    script:
        "../scripts/audit_tables.py"


rule check_claims:
    input:
        claims=str(PAPER / "claims.csv"),
        experiments="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        differences="<results>/tables/experiment_differences.csv",
        metrics=existing("set_metrics.parquet", "set_metrics_per_class.parquet"),
        classifiers=existing(
            "classifiers_per_class.parquet", "classifier_differences.csv"
        ),
        predictors=existing("predictors.csv"),
        transfer=existing("transfer_means.csv"),
    output:
        table="<results>/tables/claims.csv",
    log:
        "<logs>/check_claims.log",
    benchmark:
        "<benchmarks>/check_claims.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(audit.check_claims),
    message:
        "Test published claims"
    script:
        "../scripts/check_claims.py"


rule compare_published:
    input:
        experiments="<results>/tables/experiments.parquet",
        per_class="<results>/tables/per_class.parquet",
        distances=existing("centroid_distance.parquet"),
        means=existing("classifier_means.csv"),
        published=from_paper(audit.list_compared_tables),
    output:
        table="<results>/tables/published.csv",
    log:
        "<logs>/compare_published.log",
    benchmark:
        "<benchmarks>/compare_published.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(audit.compare_published),
    message:
        "Compare published values with the study's"
    script:
        "../scripts/compare_published.py"
