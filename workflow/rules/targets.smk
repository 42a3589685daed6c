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
        from_plan(images.list_all_indices),
    message:
        f"All images: results/{STUDY.name}/images has the index tables"


rule embed:
    input:
        from_plan(embeddings.list_all_embeddings),
    message:
        f"All embeddings: results/{STUDY.name}/embeddings"


rule classifiers:
    input:
        from_plan(report_jobs.list_classifier_results),
    message:
        f"All classifiers: results/{STUDY.name}/tables/classifier_means.csv"


rule transfer:
    input:
        from_plan(report_jobs.list_transfer_results),
    message:
        f"Transfer and features: results/{STUDY.name}/tables/transfer_means.csv, feature_statistics.csv"


rule guidance:
    input:
        from_plan(report_jobs.list_guidance_results),
    message:
        f"Guidance scales: results/{STUDY.name}/tables/guidance_choice.csv"


rule adherence:
    input:
        from_plan(report_jobs.list_adherence_results),
    message:
        f"Modifiers: results/{STUDY.name}/tables/adherence.csv"


rule experiments:
    input:
        rules.tabulate_experiments.output,
    message:
        f"The matrix: results/{STUDY.name}/tables/experiments.csv"


rule review:
    input:
        from_plan(review.list_review_results),
    message:
        f"The review: results/{STUDY.name}/review"


rule report:
    input:
        from_plan(report_jobs.list_report_results),
        "<results>/tables/jobs.csv",
        "<results>/figures/jobs.png",
    message:
        REPORT_MESSAGE
