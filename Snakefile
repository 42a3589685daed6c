"""synthdiv: diagnose why a synthetic training set falls short of a natural one.

prompts -> images -> index tables -> embeddings -> experiments -> report
"""

from snakemake.utils import min_version

min_version("9.27")


# Snakemake would merge --configfile into the demo's config
if not workflow.configfiles:

    configfile: "config/config.yaml"


pathvars:
    results=f"results/{config.get('study')}",
    logs=f"results/{config.get('study')}/logs",
    benchmarks=f"results/{config.get('study')}/benchmarks",


report: "workflow/report/workflow.rst"


# for --software-deployment-method apptainer; built from envs/Containerfile
container: "envs/synthdiv.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/planning.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/classifiers.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/diagnosis.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


onstart:
    check_inputs()
    check_cluster()
    record_study()


localrules:
    all,


rule all:
    default_target: True
    input:
        rules.report.input,
    message:
        REPORT_MESSAGE
