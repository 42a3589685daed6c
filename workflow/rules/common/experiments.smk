"""What the rules of experiments ask: the matrix, of every encoder."""


def scoring_threads(wildcards):
    """One for a small study, whose experiments run side by side."""
    references = len(STUDY.classes) * STUDY.config["images_per_class"]["train"]
    return 1 if references < 100_000 else 8


def matrix():
    """The experiments of every encoder."""
    return [
        (encoder, experiment)
        for encoder in list_encoders(STUDY)
        for experiment in list_encoder_experiments(STUDY, encoder)
    ]


def predictions(wildcards):
    return [
        f"<results>/experiments/{encoder}/{experiment.reference}/{experiment.query}.parquet"
        for encoder, experiment in matrix()
    ]


def numbered_experiments(wildcards):
    """The matrix's rows: which encoder, number, reference and query each file of predictions is of."""
    return [
        [encoder, experiment.number, experiment.reference, experiment.query]
        for encoder, experiment in matrix()
    ]


def matrix_order(wildcards):
    return {"references": list_references(STUDY), "queries": list_queries(STUDY)}
