"""Figures, each with a caption in the report."""


localrules:
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
    plot_adherence,
    plot_predictors,


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
        indices=contact_sheet_indices,
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
        sheet=contact_sheet_layout,
    message:
        "Plot the contact sheet"
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
        "Plot images of the classes that fall short"
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
        reference=next(iter(list_diagnosis_references(STUDY)), None),
    message:
        "Plot the error split"
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
            labels={"figure": "Class clusters, centroids and prompts"},
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
            labels={"figure": "Training curves"},
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
        monitored=monitored_sets,
        runs=classifier_runs,
    message:
        "Plot the training curves"
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
            labels={"figure": "Metrics by guidance scale"},
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
        "Plot the metrics by guidance scale"
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
        "Plot the modifier adherence"
    script:
        "../scripts/plot_adherence.py"


rule plot_predictors:
    input:
        table="<results>/tables/predictors.csv",
        points="<results>/tables/predictor_points.parquet",
    output:
        figure=report(
            "<results>/figures/predictors.png",
            caption="../report/predictors.rst",
            category="8 Classifiers",
            labels={"figure": "Predictors of accuracy"},
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
        "Plot predictors of classifier accuracy"
    script:
        "../scripts/plot_predictors.py"
