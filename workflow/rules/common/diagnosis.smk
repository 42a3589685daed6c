"""Input and params functions of the diagnosis rules: texts, natural images, reference sets, interventions."""


def class_texts(wildcards):
    """Return the embedded class texts, if the encoder embeds texts and the study generates images."""
    has_texts = list_encoders(STUDY)[0] in list_text_encoders(
        STUDY
    ) and list_generation_runs(STUDY)
    return (
        f"<results>/diagnosis/{list_encoders(STUDY)[0]}/class_texts.parquet"
        if has_texts
        else []
    )


def class_text_recipe(wildcards):
    """Return everything that the class texts depend on."""
    generated = dict.fromkeys(run.dataset for run in list_generation_runs(STUDY))
    return {name: make_prompt_recipe(STUDY, name, None) for name in generated}


def class_texts_of_set(wildcards):
    """Return the class texts for a generated set, whose prompts are among them."""
    return class_texts(wildcards) if "dataset" in STUDY.sets[wildcards.set] else []


def natural_embeddings(wildcards):
    if find_natural_reference(STUDY) is None:
        return []
    return embeddings_of(list_encoders(STUDY)[0], find_natural_reference(STUDY))


def diagnosis_reference_embeddings(wildcards):
    return [
        embeddings_of(list_encoders(STUDY)[0], name)
        for name in list_diagnosis_references(STUDY)
    ]


def error_split_sets():
    """List the sets with an error split: the image sets, if there are reference sets."""
    return (
        list_image_sets(STUDY, list_encoders(STUDY)[0])
        if list_diagnosis_references(STUDY)
        else []
    )


def error_splits(wildcards):
    return [
        f"<results>/diagnosis/{name}/error_split.parquet" for name in error_split_sets()
    ]


def evidence_tables(wildcards):
    return [
        f"<results>/diagnosis/{name}/evidence.parquet" for name in list_diagnosed(STUDY)
    ]


def evidence_options(wildcards):
    return {
        "dataset": STUDY.sets[wildcards.set].get("dataset"),
        "images_per_class": STUDY.config["diagnosis"]["images_per_class"],
        "seed": STUDY.seed,
    }


def intervention_training_sets(wildcards):
    """List the training sets of the interventions, without repetition."""
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
        for name in intervention_training_sets(wildcards)
    ]


def first_evaluation_set():
    """Return the first evaluation set of the first classifier."""
    name = first_classifier()
    return STUDY.config["classifiers"][name]["evaluate"][0] if name else None


def generation_prompts(wildcards):
    """Return the first prompt and the guidance scale of each generated set."""
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
