"""Input and params functions of the rules for classifiers on embeddings."""


def classified_queries(wildcards):
    """List the query sets that a reference's classifiers classify."""
    return [
        experiment.query
        for experiment in list_encoder_experiments(STUDY, wildcards.encoder)
        if experiment.reference == wildcards.reference
    ]


def classified_embeddings(wildcards):
    return [
        embeddings_of(wildcards.encoder, name) for name in classified_queries(wildcards)
    ]


def trained_linear_probe(wildcards):
    if not STUDY.config["embedding_classifiers"]["linear_probe"]:
        return []
    return f"<results>/linear_probes/{wildcards.encoder}/{wildcards.reference}.npz"


def linear_probe_options(wildcards):
    return {
        "c_values": STUDY.config["embedding_classifiers"]["linear_probe_C"],
        "seed": STUDY.seed,
    }


def embedding_classifier_options(wildcards):
    options = STUDY.config["embedding_classifiers"]
    keys = ("density", "knn", "lda_shrinkage", "mixture_components")
    return {key: options[key] for key in keys} | {"seed": STUDY.seed}


def embedding_classifier_predictions(wildcards):
    references = [
        (encoder, experiment.reference)
        for encoder, experiment in list_all_experiments()
    ]
    return [
        f"<results>/classifications/{encoder}/{reference}.parquet"
        for encoder, reference in dict.fromkeys(references)
    ]
