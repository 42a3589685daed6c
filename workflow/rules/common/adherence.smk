"""Input and params functions of the adherence rules."""


def adherence_index(wildcards):
    return index_of_set(wildcards.set)


def set_prompt_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def set_prompt_recipe(wildcards):
    return make_prompt_recipe(STUDY, STUDY.sets[wildcards.set]["dataset"], None)


def adherence_options(wildcards):
    return {**STUDY.config["adherence"], "seed": STUDY.seed}


def adherence_measurements(wildcards):
    return [
        f"<results>/adherence/{list_encoders(STUDY)[0]}/{name}.parquet"
        for name in list_grammar_sets(STUDY)
    ]


def adherence_results(wildcards):
    if not list_grammar_sets(STUDY):
        return []
    return ["<results>/tables/adherence.csv", "<results>/figures/adherence.png"]
