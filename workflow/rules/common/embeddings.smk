"""What the rules of embeddings ask: encoders, and where a set's embeddings lie."""


def embed_threads(wildcards):
    """On a GPU, processes that read and decode for it; on the CPU, one a job, so that jobs run side by side."""
    return 1 if STUDY.config["device"] == "cpu" else 4


def embed_recipe(wildcards):
    spec = STUDY.config["encoders"][wildcards.encoder]
    return {
        "encoder": {key: spec[key] for key in sorted(spec) if key != "features"},
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
    }


def encoder_files(wildcards):
    """An encoder's files, where its model or its weights are files: changed weights are another encoder."""
    spec = STUDY.config["encoders"][wildcards.encoder]
    return model_files(spec["model"], spec["pretrained"])


def embedded_index(wildcards):
    return image_index(wildcards.images, wildcards.shard)


def user_embedding_files(wildcards):
    return find_embedding_files(STUDY, wildcards.set)


def user_embedding_source(wildcards):
    return STUDY.sets[wildcards.set]["embeddings"]


def embeddings_of(encoder, name):
    """What stands for all the embedding tables of a set."""
    collection = find_collection(STUDY, name)
    if collection.startswith("brought/"):
        return f"<results>/embeddings/{collection}.parquet"
    return find_manifest(f"embeddings/{encoder}/{collection}")


def own_embeddings(wildcards):
    """A set's own, by the encoder that a rule names, or by the first."""
    return embeddings_of(
        wildcards.get("encoder", list_encoders(STUDY)[0]), wildcards.set
    )


def reference_embeddings(wildcards):
    return embeddings_of(wildcards.encoder, wildcards.reference)


def query_embeddings(wildcards):
    return embeddings_of(wildcards.encoder, wildcards.query)


def all_embeddings(wildcards):
    paths = [
        embeddings_of(encoder, name)
        for encoder in list_encoders(STUDY)
        for name in list_encoded_sets(STUDY, encoder)
    ]
    return list(dict.fromkeys(paths)) + prompt_probe_embeddings(wildcards)
