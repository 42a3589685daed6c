"""Input and params functions of the transfer and feature rules."""


def transfer_inputs(wildcards):
    """Return the files and folders of a transfer set; none for a set from scikit-learn."""
    name = wildcards.transfer_set
    entry, sources = (
        list_transfer_sets(STUDY)[name],
        find_transfer_files(STUDY, name).values(),
    )
    roots = find_root(entry, f"transfer.sets.{name}") if "torchvision" in entry else []
    tables = [entry["classes"]] if "classes" in entry else []
    files = [path for one in sources for path in one["paths"] + one.get("labels", [])]
    return roots + tables + files


def transfer_recipe(wildcards):
    """Return everything that determines a transfer set's index."""
    return {
        "archive": STUDY.config["archive"],
        "on_undecodable": STUDY.config["on_undecodable"],
        "seed": STUDY.seed,
        "source": list_transfer_sets(STUDY)[wildcards.transfer_set],
    }


def transfer_checked(wildcards):
    """Return the folder that keeps the results of decoding a transfer set's images."""
    return f"results/{STUDY.name}/images/transfer/{wildcards.transfer_set}.checked"


def embed_transfer_recipe(wildcards):
    """Return the recipe for all decodable images, since a transfer set is a benchmark."""
    return embed_recipe(wildcards) | {"exclude_flags": []}


def extraction_options(wildcards):
    """Select all images of a transfer set, or the configured number of a natural set's evaluation split."""
    if wildcards.feature_images.startswith("transfer/"):
        images = {"exclude_flags": [], "images_per_class": None}
        images["splits"] = [*SPLITS, VALIDATION]
    else:
        images = {
            "exclude_flags": sorted(STUDY.config["exclude_flags"]),
            "images_per_class": STUDY.config["features"]["images_per_class"],
            "splits": ["evaluation"],
        }
    return {
        "images": images | {"seed": STUDY.seed},
        "recipe": dict(sorted(STUDY.recipes[wildcards.classifier].items())),
        "seeds": classifier_seeds(wildcards),
    }


def encoding_features(wildcards):
    kind, _, name = wildcards.encoding.partition("/")
    if kind == "encoders":
        return f"<results>/embeddings/{name}/transfer/{wildcards.transfer_set}.parquet"
    return f"<results>/features/transfer/{wildcards.transfer_set}/{name}.parquet"


def encoding_seeds(wildcards):
    kind, name = wildcards.encoding.split("/")[:2]
    return list_seeds(name) if kind == "classifiers" else []


def transfer_threads(wildcards):
    """Return 1 for scikit-learn's small set, so that its regressions run in parallel, else 8."""
    return 1 if "sklearn" in list_transfer_sets(STUDY)[wildcards.transfer_set] else 8


def transfer_options(wildcards):
    options = STUDY.config["transfer"]
    keys = ("features", "max_iterations", "trials")
    return {key: options[key] for key in keys} | {"seed": STUDY.seed}


def transfer_encodings(wildcards):
    """Return the transfer set, encoder and training set of each file of predictions."""
    return [
        {"transfer_set": name, "encoder": encoder, "train_set": training}
        for name in list_transfer_sets(STUDY)
        for encoder, training in list_encodings()
    ]


def transfer_files_of(ending):
    return [
        f"<results>/transfer/{name}/{encoding}{ending}"
        for name in list_transfer_sets(STUDY)
        for encoding in list_encodings().values()
    ]


def transfer_predictions(wildcards):
    return transfer_files_of(".parquet")


def transfer_trials(wildcards):
    return transfer_files_of(".trials.parquet")


def natural_features(wildcards):
    folder = f"{wildcards.classifier}/{wildcards.training}"
    return f"<results>/features/natural/{find_feature_set(STUDY)}/{folder}.parquet"


def feature_statistics_options(wildcards):
    return {key: STUDY.config["features"][key] for key in ("eps", "threshold")}


def feature_statistics(wildcards):
    return [
        f"<results>/feature_statistics/{classifier}/{training}.parquet"
        for classifier, training in list_evaluations(STUDY)
    ]


def plotted_transfer(wildcards):
    return ["<results>/tables/transfer_means.csv"] if list_transfer_sets(STUDY) else []


def transfer_results(wildcards):
    results = []
    if list_transfer_sets(STUDY):
        results += ["tables/transfer.csv", "tables/transfer_means.csv"]
        results += ["figures/transfer.png"]
    if find_feature_set(STUDY) is not None:
        results += ["tables/feature_statistics.csv", "figures/features.png"]
    return [f"<results>/{name}" for name in results]
