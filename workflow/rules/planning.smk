"""What one does before a study, and after many.

1. fetch_models fetches what the config names. It has no outputs, so it does its work whenever it is asked for; grid likewise.
2. calibrate measures on this machine, or on a node of the cluster, what drawing, embedding and training cost.
3. grid prints what the study is made of, what is done, what would be drawn and why, and what it costs.
4. list_unused says what of the archive no study uses any more, and remove_unused deletes it.
"""


localrules:
    fetch_models,
    grid,
    list_unused,
    remove_unused,


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


rule list_unused:
    log:
        "<logs>/list_unused.log",
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        delete=False,
        results=f"results/{STUDY.name}",
    message:
        "Say what of the archive nothing uses"
    script:
        "../scripts/list_unused.py"


use rule list_unused as remove_unused with:
    log:
        "<logs>/remove_unused.log",
    params:
        delete=True,
        results=f"results/{STUDY.name}",
    message:
        "Delete what of the archive nothing uses"
