"""Input and params functions of the prompt probe rules."""


def prompt_probe_indices(wildcards):
    return [
        f"<results>/images/prompt_probes/{name}.parquet" for name in STUDY.prompt_probes
    ]


def prompt_probe_embeddings(wildcards):
    """Return the embeddings of the probes by the first encoder."""
    folder = f"<results>/embeddings/{list_encoders(STUDY)[0]}/prompt_probes"
    return [f"{folder}/{name}.parquet" for name in STUDY.prompt_probes]


def prompt_probe_references(wildcards):
    """Return the embeddings of each probe's reference."""
    entries = STUDY.config["prompt_probes"].values()
    return [
        embeddings_of(list_encoders(STUDY)[0], entry["reference"]) for entry in entries
    ]


def scored_prompt_probes(wildcards):
    """Return the class, prompts, images and reference of each probe."""
    keys = ("class", "images", "prompts", "reference")
    entries = STUDY.config["prompt_probes"].items()
    return {name: {key: entry[key] for key in keys} for name, entry in entries}
