"""What the rules of the audit ask: published tables, and the study's own."""


def paper_files(names):
    return [str(REPOSITORY / "resources" / "paper" / name) for name in names]


def published_tables(wildcards):
    """The published tables that are audited, where the config names them; of the other study there are none."""
    asked = STUDY.config["published"] == "diversity_and_diffusion"
    names = [
        "sets.csv",
        "tables_1_2_classifier.csv",
        "tables_3_4_and_figure_9.csv",
        "table5_modalities.csv",
        "table6_experiments.csv",
        "table6_means.csv",
        "centroid_distance.csv",
    ]
    return paper_files(names) if asked else []


def compared_tables(wildcards):
    """The published tables that stand beside the study's own, where the config names their study."""
    if STUDY.config["published"] == "imagenet_sd":
        return paper_files(["imagenet_sd.csv"])
    return published_tables(wildcards)


def compared_means(wildcards):
    return ["<results>/tables/classifier_means.csv"] if list_evaluations(STUDY) else []


def audited_distances(wildcards):
    return (
        ["<results>/tables/centroid_distance.parquet"] if list_image_sets(STUDY) else []
    )


def audited_classifiers(wildcards):
    return ["<results>/tables/classifiers.parquet"] if list_evaluations(STUDY) else []


def prompts_of_sets(wildcards):
    return find_prompts_of(STUDY)


def repeated_sets(wildcards):
    return find_repeated(STUDY)


def listed_claims(wildcards):
    return paper_files(["claims.csv"])


def claim_roles(wildcards):
    return find_roles(STUDY)


def claim_metrics(wildcards):
    names = ["set_metrics", "set_metrics_per_class"] if list_image_sets(STUDY) else []
    return [f"<results>/tables/{name}.parquet" for name in names]


def claim_classifiers(wildcards):
    names = ["classifiers_per_class.parquet", "classifier_differences.csv"]
    return [f"<results>/tables/{name}" for name in names if list_evaluations(STUDY)]


def claim_transfer(wildcards):
    return ["<results>/tables/transfer_means.csv"] if list_transfer_sets(STUDY) else []


def claim_predictors(wildcards):
    return ["<results>/tables/predictors.csv"] if predicted_sets(wildcards) else []
