"""What the rules of adherence ask."""


def own_index(wildcards):
    return index_of_set(wildcards.set)


def set_prompt_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def set_prompt_recipe(wildcards):
    return STUDY.prompt_recipe(STUDY.sets[wildcards.set]["dataset"], None)


def adherence_options(wildcards):
    return {**STUDY.config["adherence"], "seed": STUDY.seed}


def measured_adherence(wildcards):
    return [
        f"<results>/adherence/{STUDY.encoders[0]}/{name}.parquet"
        for name in STUDY.grammar_sets
    ]


def adherence_results(wildcards):
    if not STUDY.grammar_sets:
        return []
    return ["<results>/tables/adherence.csv", "<results>/figures/adherence.png"]
