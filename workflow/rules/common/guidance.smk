"""Input and params functions of the guidance rules."""


def find_sweep_source(one):
    """Return the file from which a sweep metric is computed."""
    if one.metric == "centroid_distance":
        return f"<results>/spreads/{list_encoders(STUDY)[0]}/{one.set}.parquet"
    if one.metric == "trained_accuracy":
        return f"<results>/evaluations/{one.classifier}/{one.reference}.parquet"
    return f"<results>/experiments/{list_encoders(STUDY)[0]}/{one.reference}/{one.query}.parquet"


def sweep_sources(wildcards):
    return list(map(find_sweep_source, find_sweep_metrics(STUDY)))


def sweep_metrics(wildcards):
    """Return the metric, set and guidance scale of each source."""
    return [vars(one) for one in find_sweep_metrics(STUDY)]


def generators_of_sweeps(wildcards):
    """Return the generator of each dataset in the sweeps."""
    return {name: find_generator(STUDY, name) for name in find_sweeps(STUDY)}


def sweep_generator_names(wildcards):
    return sorted(set(generators_of_sweeps(wildcards).values()))


def sweep_fingerprints(wildcards):
    names = sweep_generator_names(wildcards)
    return [f"<results>/generators/{name}.json" for name in names]


def guidance_results(wildcards):
    if not find_sweeps(STUDY):
        return []
    tables = ["guidance.csv", "guidance_choice.csv"]
    return [f"<results>/tables/{name}" for name in tables] + [
        "<results>/figures/guidance.png"
    ]
