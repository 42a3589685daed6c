"""The targets that a user names, apart from `all` and those beforehand."""


localrules:
    draw,
    embed,
    classifiers,
    transfer,
    guidance,
    adherence,
    experiments,
    review,
    report,


rule draw:
    input:
        all_indices,


rule embed:
    input:
        all_embeddings,


rule classifiers:
    input:
        classifier_results,


rule transfer:
    input:
        transfer_results,


rule guidance:
    input:
        guidance_results,


rule adherence:
    input:
        adherence_results,


rule experiments:
    input:
        rules.tabulate_experiments.output,


rule review:
    input:
        review_results,


rule report:
    input:
        report_results,
        rules.tabulate_jobs.output,
        rules.plot_jobs.output,
