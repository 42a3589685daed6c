"""The parts of the report."""

REPORT_MESSAGE = f"The study: results/{STUDY.name}/summary.html summarises the findings; tables and figures are next to it"


def report_figures(wildcards):
    figures = (
        ["experiments", "centroid_distance"]
        if list_image_sets(STUDY)
        else ["experiments"]
    )
    figures += ["contact_sheet"] if list_sheet_sets(STUDY) else []
    figures += ["error_split"] if error_split_sets() else []
    figures += ["causes", "tradeoff"] if list_diagnosed(STUDY) else []
    figures += ["evidence"] if evidence_sets(wildcards) else []
    figures += ["geometry"] if geometry_sets(wildcards) else []
    figures += ["prompt_probes"] if STUDY.prompt_probes else []
    return [f"<results>/figures/{name}.png" for name in figures]


def report_tables(wildcards):
    tables = ["experiments.csv", "per_class.parquet", "experiment_differences.csv"]
    tables += ["matrix_summary.csv", "embedding_classifiers.csv"]
    tables += ["set_metrics.csv"] if set_comparisons(wildcards) else []
    tables += ["centroid_distance.csv"] if list_image_sets(STUDY) else []
    tables += ["error_split.csv", "causes.csv"] if error_split_sets() else []
    tables += ["tradeoff.csv"] if list_diagnosed(STUDY) else []
    tables += ["interventions.csv"] if STUDY.config["interventions"] else []
    tables += ["encoder_agreement.csv"] if len(list_encoders(STUDY)) > 1 else []
    tables += ["prompt_probes.csv"] if STUDY.prompt_probes else []
    tables += ["prompt_checks.csv"] if STUDY.datasets or STUDY.prompt_probes else []
    tables += ["flags.csv"] if all_indices(wildcards) else []
    tables += ["audit.csv", "claims.csv"]
    tables += ["published.csv"] if compared_tables(wildcards) else []
    tables = [f"<results>/tables/{name}" for name in tables]
    tables += guidance_results(wildcards) + adherence_results(wildcards)
    tables += transfer_results(wildcards)
    return tables + classifier_results(wildcards)


def prompt_tables(wildcards):
    return [f"<results>/prompts/{name}.csv" for name in STUDY.datasets]


def summary_sources():
    """Return the tables that the summary uses, by name."""
    names = ["experiments.csv", "experiment_differences.csv", "audit.csv", "claims.csv"]
    names += ["centroid_distance.csv"] if list_image_sets(STUDY) else []
    names += ["error_split.csv", "causes.parquet"] if error_split_sets() else []
    names += (
        ["classifier_means.csv", "classifier_differences.csv"]
        if list_training_runs(STUDY)
        else []
    )
    names += ["transfer_means.csv"] if list_transfer_sets(STUDY) else []
    return {name.rsplit(".", 1)[0]: f"<results>/tables/{name}" for name in names}


def summary_names(wildcards):
    return list(summary_sources())


def summary_tables(wildcards):
    return list(summary_sources().values())


TABLE_DESCRIPTIONS = {
    "3 Matrix": {
        "experiments": "One row per reference and query set; each metric with its 95 % interval.",
        "published": "Values printed in the paper, with their source, next to this study's values.",
        "matrix_summary": "Means over parts of the matrix.",
        "embedding_classifiers": "The same matrix by classifiers trained on embeddings.",
    },
    "4 Diversity and shift": {
        "centroid_distance": "The diversity of each split of each set.",
        "error_split": "Each set's error against a reference, split into its own spread and centroid-shift.",
        "tradeoff": "The diversity of each generated set, with the shares of its images with semantic errors or of another visual domain.",
        "set_metrics": "Other metrics of diversity and similarity, of each set alone and against natural images.",
    },
    "5 Classes": {
        "causes": "One row per set and class: the suspected cause of its shortfall, with the supporting metrics.",
        "interventions": "The effect of each intervention on the diagnosed classes, and on others.",
    },
    "6 Guidance and prompts": {
        "guidance_choice": "The best guidance scale by each metric, overall and per class.",
        "prompt_probes": "One row per probed prompt.",
        "prompt_checks": "Truncated and identical prompts, found before generation.",
        "flags": "The number of images that are black, nearly uniform, unsafe or undecodable.",
    },
    "8 Classifiers": {
        "classifier_means": "One row per training and evaluation set; means over seeds.",
        "shift_gaps": "The advantage of training on natural images, on each evaluation set.",
        "transfer_means": "The accuracy of each encoder's frozen features on transfer sets; means over seeds.",
        "feature_statistics": "Statistics of each classifier's features of natural images.",
        "predictors": "Metrics known before training, as predictors of the trained classifiers' accuracy.",
    },
    "9 Claims, audit, cost": {
        "claims": "Claims of two papers, tested on this study's sets.",
        "audit": "Conditions that the metrics must satisfy, and whether they do.",
    },
}
"""The tables to browse in the report, by part."""


def name_page(part):
    """Return the file name of a part of the report: "4 Diversity and shift" is diversity_and_shift."""
    return re.sub(r"\W+", "_", part.partition(" ")[2].lower())


def describe_tables(part):
    """Return this study's tables of a part, each with its description."""
    existing = set(report_tables(None))
    return {
        name: words
        for name, words in TABLE_DESCRIPTIONS[part].items()
        if f"<results>/tables/{name}.csv" in existing
    }


def report_part(wildcards):
    return next(
        part for part in TABLE_DESCRIPTIONS if name_page(part) == wildcards.part
    )


def page_tables(wildcards):
    return [
        f"<results>/tables/{name}.csv"
        for name in describe_tables(report_part(wildcards))
    ]


def page_descriptions(wildcards):
    return describe_tables(report_part(wildcards))


def report_pages(wildcards):
    """Return the summary and the pages of tables to browse."""
    parts = [name_page(part) for part in TABLE_DESCRIPTIONS if describe_tables(part)]
    return ["<results>/summary.html"] + [
        f"<results>/tables/{part}.html" for part in parts
    ]


def report_results(wildcards):
    """Return everything that the report shows of the study itself."""
    results = report_tables(wildcards) + report_figures(wildcards)
    return results + prompt_tables(wildcards) + report_pages(wildcards)
