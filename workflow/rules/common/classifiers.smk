"""Input and params functions of the classifier rules: training sets, recipes, evaluations."""


def training_indices(wildcards):
    return [index_of_set(part["set"]) for part in list_parts(STUDY, wildcards.training)]


def initial_weights(wildcards):
    source = STUDY.config["classifiers"][wildcards.classifier].get("init_from")
    if source is None:
        return []
    folder = f"{source['classifier']}/{source['train']}/seed{wildcards.seed}"
    return [f"<results>/classifiers/{folder}/model.safetensors"]


def monitored_indices(wildcards):
    entry = STUDY.config["classifiers"][wildcards.classifier]
    return [index_of_set(entry["monitor"])] if "monitor" in entry else []


def pretrained_files(wildcards):
    """Return the pretrained weights of a recipe, if they are files."""
    recipe = STUDY.recipes[wildcards.classifier]
    return model_files(recipe["model"], recipe["pretrained"])


def training_options(wildcards):
    """Return everything that determines a classifier's weights, except its seed and images."""
    return {
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
        "parts": list_parts(STUDY, wildcards.training),
        "recipe": make_training_recipe(STUDY, wildcards.classifier),
        "study_seed": STUDY.seed,
    }


def training_processes(wildcards):
    return STUDY.config["classifiers"][wildcards.classifier]["processes"]


def training_gpus(wildcards):
    return gpus(wildcards) * training_processes(wildcards)


def training_threads(wildcards):
    """Return 8 threads per GPU to read and decode images; on the CPU, one per process, so that jobs run in parallel."""
    return training_processes(wildcards) * (1 if STUDY.config["device"] == "cpu" else 8)


def evaluated_models(wildcards):
    """Return a trained classifier's weights, one file per seed; none for pretrained classifiers."""
    pair = (wildcards.classifier, wildcards.training)
    return [
        f"<results>/classifiers/{run.folder}/model.safetensors"
        for run in list_training_runs(STUDY)
        if (run.classifier, run.training) == pair
    ]


def evaluation_indices(wildcards):
    names = STUDY.config["classifiers"][wildcards.classifier]["evaluate"]
    return list(map(index_of_set, names))


def list_seeds(classifier):
    """List the training seeds of a classifier; none for pretrained classifiers."""
    entry = STUDY.config["classifiers"][classifier]
    return entry["seeds"] if entry["train"] else []


def classifier_seeds(wildcards):
    return list_seeds(wildcards.classifier)


def evaluation_options(wildcards):
    entry = STUDY.config["classifiers"][wildcards.classifier]
    return {
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
        "recipe": dict(sorted(STUDY.recipes[wildcards.classifier].items())),
        "seeds": classifier_seeds(wildcards),
        "sets": [
            {
                "among": find_class_ids(STUDY, name),
                "real_labels": STUDY.sets[name].get("real_labels", False),
                "set": name,
            }
            for name in entry["evaluate"]
        ],
    }


def evaluation_predictions(wildcards):
    return [
        f"<results>/evaluations/{classifier}/{training}.parquet"
        for classifier, training in list_evaluations(STUDY)
    ]


def evaluated_pairs(wildcards):
    """List the classifier and training set of each evaluation."""
    return [list(pair) for pair in list_evaluations(STUDY)]


def classifier_runs(wildcards):
    """List the classifier, training set and seed of each training run."""
    return [
        [run.classifier, run.training, run.seed] for run in list_training_runs(STUDY)
    ]


def trained_models(wildcards):
    return [
        f"<results>/classifiers/{run.folder}/model.safetensors"
        for run in list_training_runs(STUDY)
    ]


def training_logs(wildcards):
    return [
        f"<results>/classifiers/{run.folder}/log.parquet"
        for run in list_training_runs(STUDY)
    ]


def first_classifier():
    return next((run.classifier for run in list_training_runs(STUDY)), None)


def first_evaluation_sets(wildcards):
    """Return the evaluation set that each classifier's figures show."""
    classifiers = STUDY.config["classifiers"]
    return {name: classifiers[name]["evaluate"][0] for name in classifiers}


def training_sets():
    """List all sets and mixtures on which classifiers are trained."""
    return list(dict.fromkeys(run.training for run in list_training_runs(STUDY)))


def monitored_sets(wildcards):
    classifiers = STUDY.config["classifiers"]
    return {
        name: entry["monitor"]
        for name, entry in classifiers.items()
        if "monitor" in entry
    }


def natural_sets(wildcards):
    return [name for name, entry in STUDY.sets.items() if "images" in entry]


def exchange_rate_training_sets(wildcards):
    """List the training sets that are mixtures or parts of mixtures."""
    mixed = {part["set"] for parts in STUDY.mixtures.values() for part in parts}
    return [name for name in training_sets() if name in STUDY.mixtures or name in mixed]


def predictor_training_sets(wildcards):
    """List the training sets whose accuracy the metrics may predict: those with metrics."""
    measured = (
        list_image_sets(STUDY, list_encoders(STUDY)[0])
        if set_comparisons(wildcards)
        else []
    )
    return [name for name in training_sets() if name in measured]


def classifier_figures():
    figures, trained = ["classifiers"], training_sets()
    figures += ["training"] if trained else []
    figures += (
        ["exchange_rate"] if any(name in STUDY.mixtures for name in trained) else []
    )
    figures += ["predictors"] if predictor_training_sets(None) else []
    return figures


def classifier_results(wildcards):
    if not list_evaluations(STUDY):
        return []
    tables = ["classifiers.csv", "classifier_means.csv", "shift_gaps.csv"]
    tables += ["predictors.csv"] if predictor_training_sets(wildcards) else []
    return [f"<results>/tables/{name}" for name in tables] + [
        f"<results>/figures/{name}.png" for name in classifier_figures()
    ]
