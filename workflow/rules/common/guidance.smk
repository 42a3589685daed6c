"""What the rules of guidance scales ask."""


def sweep_source(one):
    """What a figure of a sweep is computed from."""
    if one.figure == "centroid_distance":
        return f"<results>/spreads/{STUDY.encoders[0]}/{one.set}.parquet"
    if one.figure == "trained_accuracy":
        return f"<results>/evaluations/{one.classifier}/{one.reference}.parquet"
    return (
        f"<results>/experiments/{STUDY.encoders[0]}/{one.reference}/{one.query}.parquet"
    )


def sweep_sources(wildcards):
    return list(map(sweep_source, STUDY.sweep_figures))


def sweep_figures(wildcards):
    """What each of the sources is of."""
    return [vars(one) for one in STUDY.sweep_figures]


def sweep_generators(wildcards):
    """Who draws each dataset of the sweeps."""
    return {name: STUDY.generator_of(name) for name in STUDY.sweeps}


def swept_generators(wildcards):
    return sorted(set(sweep_generators(wildcards).values()))


def sweep_fingerprints(wildcards):
    names = swept_generators(wildcards)
    return [f"<results>/generators/{name}.json" for name in names]


def guidance_results(wildcards):
    if not STUDY.sweeps:
        return []
    tables = ["guidance.csv", "guidance_choice.csv"]
    return [f"<results>/tables/{name}" for name in tables] + [
        "<results>/figures/guidance.png"
    ]
