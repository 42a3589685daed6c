"""Planning a study, and cleaning up the archive.

1. fetch_models fetches the models in the config. It has no outputs, so it runs whenever it is a target; grid likewise.
2. calibrate measures the cost of generation, embedding and training on this machine or on a cluster node.
3. grid prints the parts of the study, what is done, which images will be generated and why, the cost, and how small a
   difference between training sets the study would find. It asks Snakemake, with the same options, what a run would repeat.
4. list_unused lists the archive files that no study uses any more, and remove_unused deletes them.
5. verify reads every file and image of the study, and reports what is damaged.
"""


localrules:
    fetch_models,
    grid,
    list_unused,
    remove_unused,
    verify,


rule fetch_models:
    log:
        "<logs>/fetch_models.log",
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=16000,
        runtime=240,
    message:
        "Fetch the models in the config"
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
        gpu=from_plan(images.count_gpus),
        mem_mb=growing(32000),
        runtime=growing(120),
    message:
        "Measure the cost of generation, embedding and training on this machine"
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
        folder=workflow.rundir,
        options=list_options,
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
    message:
        "List the unused files of the archive"
    script:
        "../scripts/list_unused.py"


use rule list_unused as remove_unused with:
    log:
        "<logs>/remove_unused.log",
    params:
        delete=True,
    message:
        "Delete the unused files of the archive"


rule verify:
    log:
        "<logs>/verify.log",
    conda:
        "../../envs/synthdiv.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=240,
    message:
        "Verify the files and images of the study"
    script:
        "../scripts/verify.py"
