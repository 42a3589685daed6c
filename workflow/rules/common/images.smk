"""Input and params functions of the image rules: generators, generation runs, natural images, and their indices."""


def generator_spec(wildcards):
    return dict(sorted(STUDY.config["generators"][wildcards.generator].items()))


def model_files(*names):
    """List the files of models whose names are files or folders, not names in a library or hub."""
    paths = [Path(name) for name in names if name and isinstance(name, str)]
    return sorted(
        str(path)
        for name in paths
        if name.exists()
        for path in ([name] if name.is_file() else name.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )


def generator_files(wildcards):
    """Return a generator's files, if it is a folder: changed weights make another generator."""
    spec = STUDY.config["generators"][wildcards.generator]
    return model_files(spec["model"], spec["lora"])


def generator_fingerprint(wildcards):
    run, _ = find_run(STUDY, dict(wildcards.items()))
    name = find_generator(STUDY, run.dataset, run.split)
    return f"<results>/generators/{name}.json"


def generation_threads(wildcards):
    """Return 4 threads on a GPU, three of them to encode and write images; on the CPU, one, so that jobs run in parallel."""
    return 1 if STUDY.config["device"] == "cpu" else 4


def generation_recipe(wildcards):
    return make_generation_recipe(STUDY, *find_run(STUDY, dict(wildcards.items())))


def owner_indices(wildcards):
    """Return the indices of datasets that generate some of this shard's classes, so that no block is generated twice."""
    run, shard = find_run(STUDY, dict(wildcards.items()))
    owners = {find_owner(STUDY, run, class_id) for class_id in shard.class_ids}
    owners -= {run}
    return sorted(
        f"<results>/images/{owner.collection}/{wildcards.shard}.parquet"
        for owner in owners
    )


def natural_inputs(wildcards):
    """Return the files of a natural set, or its class folders, whose modification times show additions."""
    splits = list_splits(STUDY, wildcards.set)
    sources = [find_natural_files(STUDY, wildcards.set, split) for split in splits]
    return [
        path
        for source in sources
        for path in source["paths"] + source.get("labels", [])
    ]


def natural_recipe(wildcards):
    entry = STUDY.sets[wildcards.set]
    return {
        "archive": STUDY.config["archive"],
        "class_ids": find_class_ids(STUDY, wildcards.set),
        "classes": [row.key for row in STUDY.classes],
        "ignore_other_classes": entry["ignore_other_classes"],
        "images": entry["images"],
        "images_per_class": read_natural_counts(STUDY, wildcards.set),
        "on_undecodable": STUDY.config["on_undecodable"],
        "seed": STUDY.seed,
    }


def natural_checked(wildcards):
    """Return the folder that keeps the results of decoding a set's images."""
    return f"results/{STUDY.name}/images/natural/{wildcards.set}.checked"


def collection_index(collection):
    """Return the file that represents all indices of a collection; a natural set has one index for all shards."""
    if collection.startswith("natural/"):
        return f"<results>/images/{collection}.parquet"
    return find_manifest(f"images/{collection}")


def image_index(collection, shard):
    """Return the index of a shard's images."""
    if collection.startswith("natural/"):
        return collection_index(collection)
    return f"<results>/images/{collection}/{shard}.parquet"


def index_of_set(name):
    return collection_index(find_collection(STUDY, name))


def all_indices(wildcards):
    """Return the files that represent all indices of the study: generation runs, natural sets and prompt probes."""
    generated = [run.collection for run in list_generation_runs(STUDY)]
    natural = [name for name in COLLECTIONS if name.startswith("natural/")]
    return list(map(collection_index, generated + natural)) + prompt_probe_indices(
        wildcards
    )
