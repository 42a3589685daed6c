"""What the rules of guidance scales ask."""


def sweep_source(one):
    """What a figure of a sweep is computed from."""
    if one.metric == "centroid_distance":
        return f"<results>/spreads/{list_encoders(STUDY)[0]}/{one.set}.parquet"
    if one.metric == "trained_accuracy":
        return f"<results>/evaluations/{one.classifier}/{one.reference}.parquet"
    return f"<results>/experiments/{list_encoders(STUDY)[0]}/{one.reference}/{one.query}.parquet"


def sweep_sources(wildcards):
    return list(map(sweep_source, find_sweep_metrics(STUDY)))


def sweep_metrics(wildcards):
    """What each of the sources is of."""
    return [vars(one) for one in find_sweep_metrics(STUDY)]


def sweep_generators(wildcards):
    """Who draws each dataset of the sweeps."""
    return {name: find_generator(STUDY, name) for name in find_sweeps(STUDY)}


def swept_generators(wildcards):
    return sorted(set(sweep_generators(wildcards).values()))


def sweep_fingerprints(wildcards):
    names = swept_generators(wildcards)
    return [f"<results>/generators/{name}.json" for name in names]


def guidance_results(wildcards):
    if not find_sweeps(STUDY):
        return []
    tables = ["guidance.csv", "guidance_choice.csv"]
    return [f"<results>/tables/{name}" for name in tables] + [
        "<results>/figures/guidance.png"
    ]
