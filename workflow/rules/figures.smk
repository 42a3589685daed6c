"""Figures: synthdiv.jobs.figures declares each, with its inputs and caption.

plot_figure plots one from tables and images; plot_geometry the one that reads embeddings.
"""


localrules:
    plot_figure,


rule plot_figure:
    input:
        unpack(from_plan(figures.find_figure_inputs)),
    output:
        figure=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category=from_plan(figures.find_figure_part),
            labels=from_plan(figures.find_figure_labels),
        ),
        vector=multiext("<results>/figures/{figure}", ".svg", ".pdf"),
    log:
        "<logs>/plot_figure/{figure}.log",
    benchmark:
        "<benchmarks>/plot_figure/{figure}.jsonl"
    wildcard_constraints:
        figure=one_of(set(figures.FIGURES) - {"geometry"}),
    conda:
        "../../envs/synthdiv.yaml"
    params:
        job=job_of(figures.plot_figure),
        caption=from_plan(figures.caption_figure),
    message:
        "Plot the figure {wildcards.figure}"
    script:
        "../scripts/plot_figure.py"


use rule plot_figure as plot_geometry with:
    input:
        unpack(from_plan(figures.find_figure_inputs)),
    output:
        figure=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category=from_plan(figures.find_figure_part),
            labels=from_plan(figures.find_figure_labels),
        ),
        vector=multiext("<results>/figures/{figure}", ".svg", ".pdf"),
    log:
        "<logs>/plot_geometry/{figure}.log",
    benchmark:
        "<benchmarks>/plot_geometry/{figure}.jsonl"
    wildcard_constraints:
        figure="geometry",
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        job=job_of(figures.plot_figure),
        caption=from_plan(figures.caption_figure),
    message:
        "Plot the figure {wildcards.figure}"
