"""What the rules of probes ask."""


def prompt_probe_indices(wildcards):
    return [
        f"<results>/images/prompt_probes/{name}.parquet" for name in STUDY.prompt_probes
    ]


def prompt_probe_embeddings(wildcards):
    """By the first encoder alone."""
    folder = f"<results>/embeddings/{list_encoders(STUDY)[0]}/prompt_probes"
    return [f"{folder}/{name}.parquet" for name in STUDY.prompt_probes]


def prompt_probe_references(wildcards):
    """The embeddings of each probe's reference."""
    entries = STUDY.config["prompt_probes"].values()
    return [
        embeddings_of(list_encoders(STUDY)[0], entry["reference"]) for entry in entries
    ]


def scored_prompt_probes(wildcards):
    """What the rows of the probes' table are of."""
    keys = ("class", "images", "prompts", "reference")
    entries = STUDY.config["prompt_probes"].items()
    return {name: {key: entry[key] for key in keys} for name, entry in entries}
