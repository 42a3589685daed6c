"""Other parts of the report: the summary, tables to browse, and the time and memory of the jobs."""


localrules:
    write_summary,
    write_table_page,
    tabulate_jobs,
    plot_jobs,


rule write_summary:
    input:
        tables=summary_tables,
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
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        natural=find_natural_reference(STUDY),
        reference=next(iter(list_diagnosis_references(STUDY)), None),
        study=STUDY.name,
        tables=summary_names,
    message:
        "Write the summary"
    script:
        "../scripts/write_summary.py"


rule write_table_page:
    input:
        tables=page_tables,
    output:
        page=report(
            "<results>/tables/{part}.html",
            caption="../report/tables.rst",
            category=report_part,
            labels={"figure": "Tables to browse"},
        ),
    log:
        "<logs>/write_table_page/{part}.log",
    benchmark:
        "<benchmarks>/write_table_page/{part}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        described=page_descriptions,
        study=STUDY.name,
    message:
        "Write the page of tables {wildcards.part}"
    script:
        "../scripts/write_table_page.py"


rule tabulate_jobs:
    input:
        results=report_results,
    output:
        table="<results>/tables/jobs.csv",
    log:
        "<logs>/tabulate_jobs.log",
    benchmark:
        "<benchmarks>/tabulate_jobs.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        benchmarks=f"results/{STUDY.name}/benchmarks",
        logs=f"results/{STUDY.name}/logs",
    message:
        "Tabulate the time and memory of the jobs"
    script:
        "../scripts/tabulate_jobs.py"


rule plot_jobs:
    input:
        table="<results>/tables/jobs.csv",
    output:
        figure=report(
            "<results>/figures/jobs.png",
            caption="../report/jobs.rst",
            category="9 Claims, audit, cost",
            labels={"figure": "Time, memory and speed"},
        ),
    log:
        "<logs>/plot_jobs.log",
    benchmark:
        "<benchmarks>/plot_jobs.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot the time and memory of the jobs"
    script:
        "../scripts/plot_jobs.py"
