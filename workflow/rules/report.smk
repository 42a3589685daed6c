"""The report's figures, and the targets that a user names."""


localrules:
    all,
    draw,
    embed,
    experiments,
    report,
    tabulate_experiments,
    tabulate_metrics,
    tabulate_classifiers,
    compare_encoders,
    count_flags,
    plot_experiments,
    plot_centroid_distance,
    plot_contact_sheet,


rule plot_experiments:
    input:
        table="<results>/tables/experiments.csv",
    output:
        figure=report(
            "<results>/figures/experiments.png",
            caption="../report/experiments.rst",
            category="Experiments",
            labels={"figure": "Reference x query matrix"},
        ),
    log:
        "<logs>/plot_experiments.log",
    benchmark:
        "<benchmarks>/plot_experiments.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        order=matrix_order,
    message:
        "Plot the matrix of experiments"
    script:
        "../scripts/plot_experiments.py"


rule plot_centroid_distance:
    input:
        table="<results>/tables/centroid_distance.csv",
    output:
        figure=report(
            "<results>/figures/centroid_distance.png",
            caption="../report/centroid_distance.rst",
            category="Diversity",
            labels={"figure": "Centroid Distance"},
        ),
    log:
        "<logs>/plot_centroid_distance.log",
    benchmark:
        "<benchmarks>/plot_centroid_distance.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot Centroid Distance"
    script:
        "../scripts/plot_centroid_distance.py"


rule plot_contact_sheet:
    input:
        indices=sheet_indices,
    output:
        figure=report(
            "<results>/figures/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Images",
            labels={"figure": "Contact sheet"},
        ),
    log:
        "<logs>/plot_contact_sheet.log",
    benchmark:
        "<benchmarks>/plot_contact_sheet.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        sheet=sheet_layout,
    message:
        "Lay out the contact sheet"
    script:
        "../scripts/plot_contact_sheet.py"


rule draw:
    input:
        all_indices,


rule embed:
    input:
        all_embeddings,


rule experiments:
    input:
        rules.tabulate_experiments.output,


rule report:
    input:
        report_tables,
        report_figures,
        prompt_tables,
