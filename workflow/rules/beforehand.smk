"""What one does before a study.

1. fetch_models fetches what the config names. It has no outputs, so it does its work whenever it is asked for; grid likewise.
2. calibrate measures on this machine, or on a node of the cluster, what drawing, embedding and training cost.
3. grid prints what the study is made of, what is done, what would be drawn and why, and what it costs.
"""


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


rule calibrate:
    output:
        calibration="<results>/calibration.json",
    log:
        "<logs>/calibrate.log",
    benchmark:
        "<benchmarks>/calibrate.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: 8
    resources:
        gpu=gpus,
        mem_mb=growing(32000),
        runtime=growing(120),
    message:
        "Measure what drawing, embedding and training cost here"
    script:
        "../scripts/calibrate.py"


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
