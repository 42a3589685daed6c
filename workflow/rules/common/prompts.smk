"""Input and params functions of the prompt rules: the prompt sources and their content."""


def source_files(names):
    """Return the text files from which the prompts of some datasets are made.

    They are `ancient`: a shard's job gets their content through `params`, so that one edited line
    regenerates one class.
    """
    files = [STUDY.config["classes"]]
    for name in names:
        while name:
            entry = STUDY.config["datasets"][name]
            files += [
                entry[key] for key in ("overrides", "grammar", "table") if key in entry
            ]
            name = entry.get("base")
    return ancient(list(dict.fromkeys(files)))


def prompt_sources(wildcards):
    return source_files([wildcards.dataset])


def all_prompt_sources(wildcards):
    return source_files(STUDY.datasets)


def prompt_recipe(wildcards):
    """Return everything that the prompts of a dataset, or of one of its shards, depend on."""
    shard = list_shards(STUDY).get(wildcards.get("shard"))
    return make_prompt_recipe(STUDY, wildcards.dataset, shard)


def all_prompt_recipes(wildcards):
    recipes = {name: make_prompt_recipe(STUDY, name, None) for name in STUDY.datasets}
    prompt_probes = {
        f"prompt_probes/{name}": STUDY.config["prompt_probes"][name]
        for name in STUDY.prompt_probes
    }
    return recipes | prompt_probes
