"""What the rules of the diagnosis ask: texts, natural images, judges, cures."""


def class_texts(wildcards):
    """The texts of the classes, where the encoder reads any and something is drawn."""
    reads = list_encoders(STUDY)[0] in list_text_encoders(
        STUDY
    ) and list_generation_runs(STUDY)
    return (
        f"<results>/diagnosis/{list_encoders(STUDY)[0]}/class_texts.parquet"
        if reads
        else []
    )


def text_recipe(wildcards):
    """What the texts of the classes depend on."""
    generated = dict.fromkeys(run.dataset for run in list_generation_runs(STUDY))
    return {name: make_prompt_recipe(STUDY, name, None) for name in generated}


def texts_of_set(wildcards):
    """The texts of the classes, for a set that was drawn from some of them."""
    return class_texts(wildcards) if "dataset" in STUDY.sets[wildcards.set] else []


def natural_embeddings(wildcards):
    if find_natural(STUDY) is None:
        return []
    return embeddings_of(list_encoders(STUDY)[0], find_natural(STUDY))


def diagnosis_reference_embeddings(wildcards):
    return [
        embeddings_of(list_encoders(STUDY)[0], name)
        for name in list_diagnosis_references(STUDY)
    ]


def split_sets():
    """The sets whose error is split: those of images, where something judges them."""
    return (
        list_image_sets(STUDY, list_encoders(STUDY)[0])
        if list_diagnosis_references(STUDY)
        else []
    )


def error_splits(wildcards):
    return [f"<results>/diagnosis/{name}/error_split.parquet" for name in split_sets()]


def gathered_evidence(wildcards):
    return [
        f"<results>/diagnosis/{name}/evidence.parquet" for name in list_diagnosed(STUDY)
    ]


def evidence_options(wildcards):
    return {
        "dataset": STUDY.sets[wildcards.set].get("dataset"),
        "images_per_class": STUDY.config["diagnosis"]["images_per_class"],
        "seed": STUDY.seed,
    }


def intervention_trainings(wildcards):
    """Every training set of the cures, once."""
    interventions = STUDY.config["interventions"].values()
    roles = ("base", "diagnosed", "others")
    return list(
        dict.fromkeys(
            intervention[role] for intervention in interventions for role in roles
        )
    )


def intervention_predictions(wildcards):
    return [
        f"<results>/evaluations/{first_classifier()}/{name}.parquet"
        for name in intervention_trainings(wildcards)
    ]


def first_evaluation():
    """What the first classifier is tried on first."""
    name = first_classifier()
    return STUDY.config["classifiers"][name]["evaluate"][0] if name else None


def generation_prompts(wildcards):
    """The first prompt of each drawn set, and its guidance scale."""
    generated = {
        name: STUDY.sets[name]
        for name in list_diagnosed(STUDY)
        if "dataset" in STUDY.sets[name]
    }
    return {
        name: [
            STUDY.datasets[entry["dataset"]].prompt(0, "train", 0),
            entry["guidance_scale"],
        ]
        for name, entry in generated.items()
    }
