"""What the rules of the review ask."""


def reviewed_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def review_index(wildcards):
    return [whole_table(f"images/review/{wildcards.set}")]


def review_embeddings(wildcards):
    return whole_table(f"embeddings/{wildcards.encoder}/review/{wildcards.set}")


def review_reference(wildcards):
    """Whose class centroids judge: the natural set's, or the reviewed prompts."""
    reference = choose_judge(STUDY).reference
    if reference is not None:
        return embeddings_of(wildcards.encoder, reference)
    dataset = STUDY.sets[wildcards.set]["dataset"]
    return whole_table(f"embeddings/{wildcards.encoder}/prompts/{dataset}")


def review_names(wildcards):
    """What the reference and the images are called."""
    return [
        choose_judge(STUDY).reference or "the prompts",
        f"the review of {wildcards.set}",
    ]


def review_evaluation(wildcards):
    entry = {"among": None, "set": wildcards.set, "split": REVIEW}
    return evaluation_options(wildcards) | {"sets": [entry | {"real_labels": False}]}


def review_predictions(wildcards):
    folder, judge = f"<results>/review/{wildcards.set}", choose_judge(STUDY)
    if judge.kind == "classifier":
        return f"{folder}/{judge.name}/{judge.reference}.parquet"
    return f"{folder}/{judge.name}.parquet"


def review_page(wildcards):
    """What the review's page says, and the file that keeps what earlier ones said."""
    entry = STUDY.sets[wildcards.set]
    generator = find_generator(STUDY, entry["dataset"])
    scale = format_scale(entry["guidance_scale"])
    return {
        "classes": STUDY.config["review"]["classes"],
        "drawn_by": f"{generator} at guidance scale {scale}",
        "history": f"results/{STUDY.name}/review/{wildcards.set}/history.csv",
        "judged_by": str(choose_judge(STUDY)),
    }


def review_results(wildcards):
    reviewed, _ = plan_review(STUDY)
    folder = f"<results>/review/{reviewed}"
    return [f"{folder}/accuracy.csv", f"{folder}/review.html"]
