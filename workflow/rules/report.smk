"""Other parts of the report: the summary, tables to browse, and the time and memory of the jobs."""


localrules:
    write_summary,
    write_table_page,
    tabulate_jobs,


rule write_summary:
    input:
        tables=existing(
            "experiments.csv",
            "experiment_differences.csv",
            "centroid_distance.csv",
            "error_split.csv",
            "causes.parquet",
            "suspicions.csv",
            "selection.csv",
            "accounts.csv",
            "ladder.csv",
            "shortfalls.parquet",
            "shortcut.csv",
            "interventions.csv",
            "interventions_by_class.parquet",
            "classifier_means.csv",
            "classifier_differences.csv",
            "classifier_confusion.parquet",
            "transfer_means.csv",
            "leakage.csv",
            "leakage_accuracy.csv",
            "encoder_agreement.csv",
            "natural_images.csv",
            "audit.csv",
            "claims.csv",
        ),
        indices=from_plan(report_jobs.list_pictured_indices),
        prompts=from_plan(report_jobs.list_summary_prompts),
    output:
        page=report(
            "<results>/summary.html",
            caption="../report/summary.rst",
            category="1 Summary",
            labels={"figure": "Summary of the findings"},
        ),
    log:
        "<logs>/write_summary.log",
    benchmark:
        "<benchmarks>/write_summary.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(report_jobs.write_summary),
    message:
        "Write the summary"
    script:
        "../scripts/write_summary.py"


rule write_table_page:
    input:
        tables=from_plan(report_jobs.list_page_tables),
    output:
        page=report(
            "<results>/tables/{page}.html",
            caption="../report/tables.rst",
            category=from_plan(report_jobs.find_page_part),
            labels={"figure": "Tables to browse"},
        ),
    log:
        "<logs>/write_table_page/{page}.log",
    benchmark:
        "<benchmarks>/write_table_page/{page}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(report_jobs.write_table_page),
    message:
        "Write the page of tables {wildcards.page}"
    script:
        "../scripts/write_table_page.py"


rule tabulate_jobs:
    input:
        results=from_plan(report_jobs.list_report_results),
    output:
        table="<results>/tables/jobs.csv",
    log:
        "<logs>/tabulate_jobs.log",
    benchmark:
        "<benchmarks>/tabulate_jobs.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(report_jobs.tabulate_jobs),
    message:
        "Tabulate the time and memory of the jobs"
    script:
        "../scripts/tabulate_jobs.py"


REPORT_MESSAGE = f"The study: results/{STUDY.name}/summary.html summarises the findings; tables and figures are next to it"
