"""What a report is made of."""

REPORTED = f"The study: results/{STUDY.name}/summary.html tells what was found; tables and figures lie beside it"


def report_figures(wildcards):
    figures = (
        ["experiments", "centroid_distance"]
        if list_image_sets(STUDY)
        else ["experiments"]
    )
    figures += ["contact_sheet"] if list_sheet_sets(STUDY) else []
    figures += ["error_split"] if split_sets() else []
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
    tables += ["error_split.csv", "causes.csv"] if split_sets() else []
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
    """The tables that the summary tells of, by name."""
    names = ["experiments.csv", "experiment_differences.csv", "audit.csv", "claims.csv"]
    names += ["centroid_distance.csv"] if list_image_sets(STUDY) else []
    names += ["error_split.csv", "causes.parquet"] if split_sets() else []
    names += (
        ["classifier_means.csv", "classifier_differences.csv"]
        if list_trainings(STUDY)
        else []
    )
    names += ["transfer_means.csv"] if list_transfer_sets(STUDY) else []
    return {name.rsplit(".", 1)[0]: f"<results>/tables/{name}" for name in names}


def summary_names(wildcards):
    return list(summary_sources())


def summary_tables(wildcards):
    return list(summary_sources().values())


BROWSED = {
    "3 Matrix": {
        "experiments": "A row a reference and query set, each figure with its 95 % interval.",
        "published": "Figures printed in the paper, with where they stand, and this study's own beside them.",
        "matrix_summary": "Means over parts of the matrix.",
        "embedding_classifiers": "The same matrix by classifiers that were trained on embeddings.",
    },
    "4 Diversity and shift": {
        "centroid_distance": "How varied each split of each set is.",
        "error_split": "What of a set's error against a reference its own spread makes, and what centroid-shift.",
        "tradeoff": "How varied each drawn set is, and how many of its images show something else or another visual domain.",
        "set_metrics": "Other figures of diversity and likeness, of each set alone and against natural images.",
    },
    "5 Classes": {
        "causes": "A row a set and class: why it falls short, and the figures that say so.",
        "interventions": "What each cure changed for the classes that it is for, and for others.",
    },
    "6 Guidance and prompts": {
        "guidance_choice": "The guidance scale that each figure would choose, whole and class by class.",
        "prompt_probes": "A row a probed prompt.",
        "prompt_checks": "What is noteworthy of the prompts before anything is drawn.",
        "flags": "How many images are black, flat or flagged as unsafe.",
    },
    "8 Classifiers": {
        "classifier_means": "A row a training set and the set that its classifiers are tried on, over seeds.",
        "shift_gaps": "By how much training on natural images is ahead, on each evaluation set.",
        "transfer_means": "What each encoder's frozen features are worth on other sets, over seeds.",
        "feature_statistics": "What each classifier's features of natural images are like.",
        "predictors": "Which figures that are known before training foretell the accuracy of what is trained.",
    },
    "9 Claims, audit, cost": {
        "claims": "What two papers claim, tried on this study's sets.",
        "audit": "What must hold of the figures, and whether it does.",
    },
}
"""The tables that the report lets one browse, by its parts."""


def name_page(part):
    """A file's name for a part of the report: "4 Diversity and shift" is diversity_and_shift."""
    return re.sub(r"\W+", "_", part.partition(" ")[2].lower())


def browsed_tables(part):
    """The tables of a part that this study has, each with its description."""
    made = set(report_tables(None))
    return {
        name: words
        for name, words in BROWSED[part].items()
        if f"<results>/tables/{name}.csv" in made
    }


def part_of(wildcards):
    return next(part for part in BROWSED if name_page(part) == wildcards.part)


def page_tables(wildcards):
    return [
        f"<results>/tables/{name}.csv" for name in browsed_tables(part_of(wildcards))
    ]


def page_descriptions(wildcards):
    return browsed_tables(part_of(wildcards))


def report_pages(wildcards):
    """The summary, and the tables to browse."""
    parts = [name_page(part) for part in BROWSED if browsed_tables(part)]
    return ["<results>/summary.html"] + [
        f"<results>/tables/{part}.html" for part in parts
    ]


def report_results(wildcards):
    """All that a report shows of the study itself."""
    results = report_tables(wildcards) + report_figures(wildcards)
    return results + prompt_tables(wildcards) + report_pages(wildcards)
