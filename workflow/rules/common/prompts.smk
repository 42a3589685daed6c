"""What the rules of prompts ask: the files that prompts are made from, and what they say."""


def source_files(names):
    """The text files that the prompts of some datasets are made from.

    They are `ancient`: what they say of a shard reaches its job through `params`, so that one edited
    line redraws one class.
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
    """What the prompts of a dataset, or of one shard of it, depend on."""
    shard = list_shards(STUDY).get(wildcards.get("shard"))
    return make_prompt_recipe(STUDY, wildcards.dataset, shard)


def all_prompt_recipes(wildcards):
    recipes = {name: make_prompt_recipe(STUDY, name, None) for name in STUDY.datasets}
    prompt_probes = {
        f"prompt_probes/{name}": STUDY.config["prompt_probes"][name]
        for name in STUDY.prompt_probes
    }
    return recipes | prompt_probes
