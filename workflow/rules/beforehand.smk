"""What one does before a study. These rules have no outputs, so each does its work whenever it is asked for."""


localrules:
    fetch_models,
    grid,


rule fetch_models:
    log:
        "<logs>/fetch_models.log",
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=16000,
        runtime=240,
    message:
        "Fetch the models that the config names"
    script:
        "../scripts/fetch_models.py"


rule grid:
    log:
        "<logs>/grid.log",
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        results=f"results/{STUDY.name}",
    message:
        "Print the experiment grid"
    script:
        "../scripts/grid.py"
