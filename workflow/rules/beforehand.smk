"""What one does before a study. These rules have no outputs, so each does its work whenever it is asked for."""


localrules:
    fetch_models,


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
