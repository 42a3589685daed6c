"""Input and params functions of the set metric rules."""


def set_measurements(wildcards):
    return [
        f"<results>/metrics/{encoder}/sets/{name}.parquet"
        for encoder in list_encoders(STUDY)
        for name in list_image_sets(STUDY, encoder)
    ]


def set_comparisons(wildcards):
    return [
        f"<results>/metrics/{encoder}/pairs/{reference}/{name}.parquet"
        for encoder in list_encoders(STUDY)
        for reference, name in list_comparisons(STUDY, encoder)
    ]


def measure_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {"images_per_class": options["images_per_class"], "seed": STUDY.seed}


def comparison_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {
        "features": choose_features(STUDY, wildcards.encoder),
        "images_per_class": options["images_per_class"],
        "neighbours": options["neighbours"],
        "seed": STUDY.seed,
    }
