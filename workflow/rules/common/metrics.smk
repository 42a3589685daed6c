"""What the rules of set metrics ask."""


def set_measurements(wildcards):
    return [
        f"<results>/metrics/{encoder}/sets/{name}.parquet"
        for encoder in STUDY.encoders
        for name in STUDY.image_sets(encoder)
    ]


def set_comparisons(wildcards):
    return [
        f"<results>/metrics/{encoder}/pairs/{reference}/{name}.parquet"
        for encoder in STUDY.encoders
        for reference, name in STUDY.comparisons_of(encoder)
    ]


def measure_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {"images_per_class": options["images_per_class"], "seed": STUDY.seed}


def comparison_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {
        "features": STUDY.features_of(wildcards.encoder),
        "images_per_class": options["images_per_class"],
        "neighbours": options["neighbours"],
        "seed": STUDY.seed,
    }
