"""The report's figures, and the targets that a user names."""


localrules:
    all,
    draw,
    embed,
    experiments,
    report,
    review,
    tabulate_experiments,
    tabulate_metrics,
    tabulate_embedding_classifiers,
    tabulate_classifiers,
    tabulate_diagnosis,
    tabulate_tradeoff,
    compare_cures,
    compare_encoders,
    count_flags,
    plot_experiments,
    plot_centroid_distance,
    plot_contact_sheet,
    plot_causes,
    plot_evidence,
    plot_tradeoff,
    plot_error_split,
    plot_classifiers,
    plot_training,
    plot_guidance,
    guidance,
    tabulate_adherence,
    plot_adherence,
    adherence,
    measure_exchange,
    rank_predictors,
    plot_predictors,
    audit_tables,
    judge_claims,
    classifiers,
    write_summary,
    write_table_page,
    compare_published,
    tabulate_jobs,
    plot_jobs,


rule plot_experiments:
    input:
        table="<results>/tables/experiments.csv",
    output:
        figure=report(
            "<results>/figures/experiments.png",
            caption="../report/experiments.rst",
            category="3 Matrix",
            labels={"figure": "Reference x query matrix"},
        ),
    log:
        "<logs>/plot_experiments.log",
    benchmark:
        "<benchmarks>/plot_experiments.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        order=matrix_order,
    message:
        "Plot the matrix of experiments"
    script:
        "../scripts/plot_experiments.py"


rule plot_centroid_distance:
    input:
        table="<results>/tables/centroid_distance.csv",
    output:
        figure=report(
            "<results>/figures/centroid_distance.png",
            caption="../report/centroid_distance.rst",
            category="4 Diversity and shift",
            labels={"figure": "Centroid Distance"},
        ),
    log:
        "<logs>/plot_centroid_distance.log",
    benchmark:
        "<benchmarks>/plot_centroid_distance.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot Centroid Distance"
    script:
        "../scripts/plot_centroid_distance.py"


rule plot_contact_sheet:
    input:
        indices=sheet_indices,
    output:
        figure=report(
            "<results>/figures/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="2 Images",
            labels={"figure": "Contact sheet"},
        ),
    log:
        "<logs>/plot_contact_sheet.log",
    benchmark:
        "<benchmarks>/plot_contact_sheet.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        sheet=sheet_layout,
    message:
        "Lay out the contact sheet"
    script:
        "../scripts/plot_contact_sheet.py"


rule plot_causes:
    input:
        causes="<results>/tables/causes.parquet",
    output:
        figure=report(
            "<results>/figures/causes.png",
            caption="../report/causes.rst",
            category="5 Classes",
            labels={"figure": "Causes by class"},
        ),
    log:
        "<logs>/plot_causes.log",
    benchmark:
        "<benchmarks>/plot_causes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    message:
        "Plot the causes"
    script:
        "../scripts/plot_causes.py"


rule plot_evidence:
    input:
        causes="<results>/tables/causes.parquet",
        indices=evidence_indices,
    output:
        figure=report(
            "<results>/figures/evidence.png",
            caption="../report/evidence.rst",
            category="5 Classes",
            labels={"figure": "Images of the classes that fall short"},
        ),
    log:
        "<logs>/plot_evidence.log",
    benchmark:
        "<benchmarks>/plot_evidence.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        sets=evidence_sets,
    message:
        "Lay out images of the classes that fall short"
    script:
        "../scripts/plot_evidence.py"


rule plot_tradeoff:
    input:
        table="<results>/tables/tradeoff.csv",
    output:
        figure=report(
            "<results>/figures/tradeoff.png",
            caption="../report/tradeoff.rst",
            category="4 Diversity and shift",
            labels={"figure": "Diversity against semantic error"},
        ),
    log:
        "<logs>/plot_tradeoff.log",
    benchmark:
        "<benchmarks>/plot_tradeoff.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot diversity against semantic error"
    script:
        "../scripts/plot_tradeoff.py"


rule plot_error_split:
    input:
        split="<results>/tables/error_split.csv",
        terms="<results>/tables/error_terms.csv",
    output:
        figure=report(
            "<results>/figures/error_split.png",
            caption="../report/error_split.rst",
            category="4 Diversity and shift",
            labels={"figure": "Diversity against centroid-shift"},
        ),
    log:
        "<logs>/plot_error_split.log",
    benchmark:
        "<benchmarks>/plot_error_split.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        reference=next(iter(STUDY.judges), None),
    message:
        "Plot the split of the error"
    script:
        "../scripts/plot_error_split.py"


rule plot_geometry:
    input:
        images=geometry_images,
        prompts=geometry_prompts,
        classes=STUDY.config["classes"],
    output:
        figure=report(
            "<results>/figures/geometry.png",
            caption="../report/geometry.rst",
            category="7 Geometry",
            labels={"figure": "Clouds, centroids and prompts"},
        ),
    log:
        "<logs>/plot_geometry.log",
    benchmark:
        "<benchmarks>/plot_geometry.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=30,
    params:
        seed=STUDY.seed,
        sets=geometry_sets,
    message:
        "Plot the geometry of the embeddings"
    script:
        "../scripts/plot_geometry.py"


rule plot_classifiers:
    input:
        means="<results>/tables/classifier_means.csv",
        differences="<results>/tables/classifier_differences.csv",
    output:
        figure=report(
            "<results>/figures/classifiers.png",
            caption="../report/classifiers.rst",
            category="8 Classifiers",
            labels={"figure": "Training x evaluation sets"},
        ),
    log:
        "<logs>/plot_classifiers.log",
    benchmark:
        "<benchmarks>/plot_classifiers.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot the classifiers' grid"
    script:
        "../scripts/plot_classifiers.py"


rule plot_training:
    input:
        logs=training_logs,
    output:
        figure=report(
            "<results>/figures/training.png",
            caption="../report/training.rst",
            category="8 Classifiers",
            labels={"figure": "Curves of training"},
        ),
    log:
        "<logs>/plot_training.log",
    benchmark:
        "<benchmarks>/plot_training.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        followed=followed_sets,
        runs=classifier_runs,
    message:
        "Plot the curves of training"
    script:
        "../scripts/plot_training.py"


rule plot_guidance:
    input:
        table="<results>/tables/guidance.csv",
        per_class="<results>/tables/guidance_per_class.parquet",
        choice="<results>/tables/guidance_choice.csv",
    output:
        figure=report(
            "<results>/figures/guidance.png",
            caption="../report/guidance.rst",
            category="6 Guidance and prompts",
            labels={"figure": "Figures along the guidance scale"},
        ),
    log:
        "<logs>/plot_guidance.log",
    benchmark:
        "<benchmarks>/plot_guidance.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot the figures along the guidance scale"
    script:
        "../scripts/plot_guidance.py"


rule plot_adherence:
    input:
        table="<results>/tables/adherence.csv",
    output:
        figure=report(
            "<results>/figures/adherence.png",
            caption="../report/adherence.rst",
            category="6 Guidance and prompts",
            labels={"figure": "Modifier adherence"},
        ),
    log:
        "<logs>/plot_adherence.log",
    benchmark:
        "<benchmarks>/plot_adherence.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot which modifiers reach the images"
    script:
        "../scripts/plot_adherence.py"


rule measure_exchange:
    input:
        means="<results>/tables/classifier_means.csv",
        models=trained_models,
    output:
        table="<results>/tables/exchange.csv",
        figure=report(
            "<results>/figures/exchange.png",
            caption="../report/exchange.rst",
            category="8 Classifiers",
            labels={"figure": "Natural against synthetic images"},
        ),
    log:
        "<logs>/measure_exchange.log",
    benchmark:
        "<benchmarks>/measure_exchange.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        evaluations=first_evaluations,
        natural=natural_sets,
        runs=classifier_runs,
        trainings=exchanged_sets,
    message:
        "Measure how many natural images a training set is worth"
    script:
        "../scripts/measure_exchange.py"


rule plot_predictors:
    input:
        table="<results>/tables/predictors.csv",
        points="<results>/tables/predictor_points.parquet",
    output:
        figure=report(
            "<results>/figures/predictors.png",
            caption="../report/predictors.rst",
            category="8 Classifiers",
            labels={"figure": "What foretells accuracy"},
        ),
    log:
        "<logs>/plot_predictors.log",
    benchmark:
        "<benchmarks>/plot_predictors.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        classifier=first_classifier(),
    message:
        "Plot what foretells a classifier's accuracy"
    script:
        "../scripts/plot_predictors.py"


rule write_summary:
    input:
        tables=summary_tables,
    output:
        page=report(
            "<results>/summary.html",
            caption="../report/summary.rst",
            category="1 Summary",
            labels={"figure": "The study in words"},
        ),
    log:
        "<logs>/write_summary.log",
    benchmark:
        "<benchmarks>/write_summary.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        natural=STUDY.natural,
        reference=next(iter(STUDY.judges), None),
        study=STUDY.name,
        tables=summary_names,
    message:
        "Write the study in words"
    script:
        "../scripts/write_summary.py"


rule write_table_page:
    input:
        tables=page_tables,
    output:
        page=report(
            "<results>/tables/{part}.html",
            caption="../report/tables.rst",
            category=part_of,
            labels={"figure": "Tables to browse"},
        ),
    log:
        "<logs>/write_table_page/{part}.log",
    benchmark:
        "<benchmarks>/write_table_page/{part}.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        described=page_descriptions,
        study=STUDY.name,
    message:
        "Write the tables of {wildcards.part}"
    script:
        "../scripts/write_table_page.py"


rule tabulate_jobs:
    input:
        results=report_results,
    output:
        table="<results>/tables/jobs.csv",
    log:
        "<logs>/tabulate_jobs.log",
    benchmark:
        "<benchmarks>/tabulate_jobs.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        benchmarks=f"results/{STUDY.name}/benchmarks",
        logs=f"results/{STUDY.name}/logs",
    message:
        "Tabulate what the jobs took"
    script:
        "../scripts/tabulate_jobs.py"


rule plot_jobs:
    input:
        table="<results>/tables/jobs.csv",
    output:
        figure=report(
            "<results>/figures/jobs.png",
            caption="../report/jobs.rst",
            category="9 Claims, audit, cost",
            labels={"figure": "Time, memory and speed"},
        ),
    log:
        "<logs>/plot_jobs.log",
    benchmark:
        "<benchmarks>/plot_jobs.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Plot what the jobs took"
    script:
        "../scripts/plot_jobs.py"


rule draw:
    input:
        all_indices,


rule embed:
    input:
        all_embeddings,


rule classifiers:
    input:
        classifier_results,


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
