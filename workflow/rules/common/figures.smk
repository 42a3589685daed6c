"""Input and params functions of the figure rules."""


def contact_sheet_indices(wildcards):
    return list(map(index_of_set, list_sheet_sets(STUDY)))


def contact_sheet_layout(wildcards):
    """Return the contact sheet's columns and size."""
    options = STUDY.config["contact_sheets"]
    return {
        "classes": options["classes"],
        "columns": list_sheet_sets(STUDY),
        "images": options["images"],
    }


def evidence_sets(wildcards):
    """List the diagnosed sets with images to show and the natural one; empty if the natural set has no images."""
    shown = [
        name for name in list_diagnosed(STUDY) if "embeddings" not in STUDY.sets[name]
    ]
    return (
        [*shown, find_natural_images(STUDY)]
        if shown and find_natural_images(STUDY)
        else []
    )


def evidence_indices(wildcards):
    return list(map(index_of_set, evidence_sets(wildcards)))


def geometry_sets(wildcards):
    """Return an image set and its own prompt set, or else the first of each; empty if either is missing."""
    names = list_encoded_sets(STUDY, list_encoders(STUDY)[0])
    prompts = [name for name in names if STUDY.sets[name]["kind"] == "prompt"]
    images = list_image_sets(STUDY, list_encoders(STUDY)[0])
    pairs = [(image, prompt) for prompt in prompts for image in images]
    source = {name: STUDY.sets[name].get("dataset") for name in names}
    own = [
        (image, prompt)
        for image, prompt in pairs
        if source[image] is not None and source[image] == source[prompt]
    ]
    return list(next(iter(own + pairs), []))


def geometry_images(wildcards):
    return embeddings_of(list_encoders(STUDY)[0], geometry_sets(wildcards)[0])


def geometry_prompts(wildcards):
    return embeddings_of(list_encoders(STUDY)[0], geometry_sets(wildcards)[1])
