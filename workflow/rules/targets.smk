"""The targets for users, apart from `all` and those of planning.smk."""


localrules:
    generate,
    embed,
    classifiers,
    transfer,
    guidance,
    adherence,
    experiments,
    review,
    report,


rule generate:
    input:
        all_indices,
    message:
        f"All images: results/{STUDY.name}/images has the index tables"


rule embed:
    input:
        all_embeddings,
    message:
        f"All embeddings: results/{STUDY.name}/embeddings"


rule classifiers:
    input:
        classifier_results,
    message:
        f"All classifiers: results/{STUDY.name}/tables/classifier_means.csv"


rule transfer:
    input:
        transfer_results,
    message:
        f"Transfer and features: results/{STUDY.name}/tables/transfer_means.csv, feature_statistics.csv"


rule guidance:
    input:
        guidance_results,
    message:
        f"Guidance scales: results/{STUDY.name}/tables/guidance_choice.csv"


rule adherence:
    input:
        adherence_results,
    message:
        f"Modifiers: results/{STUDY.name}/tables/adherence.csv"


rule experiments:
    input:
        rules.tabulate_experiments.output,
    message:
        f"The matrix: results/{STUDY.name}/tables/experiments.csv"


rule review:
    input:
        review_results,
    message:
        f"The review: results/{STUDY.name}/review"


rule report:
    input:
        report_results,
        rules.tabulate_jobs.output,
        rules.plot_jobs.output,
    message:
        REPORT_MESSAGE
