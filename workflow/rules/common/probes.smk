"""What the rules of probes ask."""


def probe_indices(wildcards):
    return [f"<results>/images/probes/{name}.parquet" for name in STUDY.probes]


def probe_embeddings(wildcards):
    """By the first encoder alone."""
    folder = f"<results>/embeddings/{list_encoders(STUDY)[0]}/probes"
    return [f"{folder}/{name}.parquet" for name in STUDY.probes]


def probe_references(wildcards):
    """The embeddings of each probe's reference."""
    entries = STUDY.config["probes"].values()
    return [
        embeddings_of(list_encoders(STUDY)[0], entry["reference"]) for entry in entries
    ]


def scored_probes(wildcards):
    """What the rows of the probes' table are of."""
    keys = ("class", "images", "prompts", "reference")
    entries = STUDY.config["probes"].items()
    return {name: {key: entry[key] for key in keys} for name, entry in entries}
