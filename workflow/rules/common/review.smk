"""Input and params functions of the review rules."""


def reviewed_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def review_index(wildcards):
    return [find_manifest(f"images/review/{wildcards.set}")]


def review_embeddings(wildcards):
    return find_manifest(f"embeddings/{wildcards.encoder}/review/{wildcards.set}")


def review_reference(wildcards):
    """Return the embeddings whose class centroids classify: the natural set's, or the reviewed prompts'."""
    reference = choose_reviewer(STUDY).reference
    if reference is not None:
        return embeddings_of(wildcards.encoder, reference)
    dataset = STUDY.sets[wildcards.set]["dataset"]
    return find_manifest(f"embeddings/{wildcards.encoder}/prompts/{dataset}")


def review_names(wildcards):
    """Return the names of the reference and of the images."""
    return [
        choose_reviewer(STUDY).reference or "the prompts",
        f"the review of {wildcards.set}",
    ]


def review_evaluation(wildcards):
    entry = {"among": None, "set": wildcards.set, "split": REVIEW}
    return evaluation_options(wildcards) | {"sets": [entry | {"real_labels": False}]}


def review_predictions(wildcards):
    folder, reviewer = f"<results>/review/{wildcards.set}", choose_reviewer(STUDY)
    if reviewer.kind == "classifier":
        return f"{folder}/{reviewer.name}/{reviewer.reference}.parquet"
    return f"{folder}/{reviewer.name}.parquet"


def review_page(wildcards):
    """Return the settings of the review's page, and the file with the history of earlier reviews."""
    entry = STUDY.sets[wildcards.set]
    generator = find_generator(STUDY, entry["dataset"])
    scale = format_scale(entry["guidance_scale"])
    return {
        "classes": STUDY.config["review"]["classes"],
        "generated_by": f"{generator} at guidance scale {scale}",
        "history": f"results/{STUDY.name}/review/{wildcards.set}/history.csv",
        "reviewed_by": str(choose_reviewer(STUDY)),
    }


def review_results(wildcards):
    reviewed, _ = plan_review(STUDY)
    folder = f"<results>/review/{reviewed}"
    return [f"{folder}/accuracy.csv", f"{folder}/review.html"]
