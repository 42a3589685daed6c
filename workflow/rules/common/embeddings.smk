"""Input and params functions of the embedding rules: encoders, and the files of a set's embeddings."""


def embed_threads(wildcards):
    """Return 4 threads per GPU to read and decode images; on the CPU, one per job, so that jobs run in parallel."""
    return 1 if STUDY.config["device"] == "cpu" else 4


def embed_recipe(wildcards):
    spec = STUDY.config["encoders"][wildcards.encoder]
    return {
        "encoder": {key: spec[key] for key in sorted(spec) if key != "features"},
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
    }


def encoder_files(wildcards):
    """Return an encoder's files, if its model or weights are files: changed weights make another encoder."""
    spec = STUDY.config["encoders"][wildcards.encoder]
    return model_files(spec["model"], spec["pretrained"])


def embedded_index(wildcards):
    return image_index(wildcards.images, wildcards.shard)


def user_embedding_files(wildcards):
    return find_embedding_files(STUDY, wildcards.set)


def user_embedding_source(wildcards):
    return STUDY.sets[wildcards.set]["embeddings"]


def embeddings_of(encoder, name):
    """Return the file that represents all embedding tables of a set."""
    collection = find_collection(STUDY, name)
    if collection.startswith(f"{USER_PROVIDED}/"):
        return f"<results>/embeddings/{collection}.parquet"
    return find_manifest(f"embeddings/{encoder}/{collection}")


def set_embeddings(wildcards):
    """Return a set's embeddings by the encoder in the wildcards, or else by the first encoder."""
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
