"""Input and params functions of the audit rules: published tables and the study's own."""


def paper_files(names):
    return [str(REPOSITORY / "resources" / "paper" / name) for name in names]


def published_tables(wildcards):
    """Return the published tables to audit, if the config names their study; the other study has none."""
    audited = STUDY.config["published"] == "diversity_and_diffusion"
    names = [
        "sets.csv",
        "tables_1_2_classifier.csv",
        "tables_3_4_and_figure_9.csv",
        "table5_modalities.csv",
        "table6_experiments.csv",
        "table6_means.csv",
        "centroid_distance.csv",
    ]
    return paper_files(names) if audited else []


def compared_tables(wildcards):
    """Return the published tables to compare with the study's own, if the config names their study."""
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
    return find_prompt_sets(STUDY)


def repeated_sets(wildcards):
    return list_repeated_prompt_sets(STUDY)


def claim_list(wildcards):
    return paper_files(["claims.csv"])


def set_roles(wildcards):
    return find_roles(STUDY)


def metrics_for_claims(wildcards):
    names = ["set_metrics", "set_metrics_per_class"] if list_image_sets(STUDY) else []
    return [f"<results>/tables/{name}.parquet" for name in names]


def classifiers_for_claims(wildcards):
    names = ["classifiers_per_class.parquet", "classifier_differences.csv"]
    return [f"<results>/tables/{name}" for name in names if list_evaluations(STUDY)]


def transfer_for_claims(wildcards):
    return ["<results>/tables/transfer_means.csv"] if list_transfer_sets(STUDY) else []


def predictors_for_claims(wildcards):
    return (
        ["<results>/tables/predictors.csv"]
        if predictor_training_sets(wildcards)
        else []
    )
