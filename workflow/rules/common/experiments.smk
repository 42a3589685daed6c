"""Input and params functions of the experiment rules: the matrix by every encoder."""


def scoring_threads(wildcards):
    """Return 1 for a small study, so that its experiments run in parallel, else 8."""
    references = len(STUDY.classes) * STUDY.config["images_per_class"]["train"]
    return 1 if references < 100_000 else 8


def list_all_experiments():
    """List the experiments of every encoder."""
    return [
        (encoder, experiment)
        for encoder in list_encoders(STUDY)
        for experiment in list_encoder_experiments(STUDY, encoder)
    ]


def experiment_predictions(wildcards):
    return [
        f"<results>/experiments/{encoder}/{experiment.reference}/{experiment.query}.parquet"
        for encoder, experiment in list_all_experiments()
    ]


def numbered_experiments(wildcards):
    """List the matrix's rows: encoder, number, reference and query of each file of predictions."""
    return [
        [encoder, experiment.number, experiment.reference, experiment.query]
        for encoder, experiment in list_all_experiments()
    ]


def matrix_order(wildcards):
    return {"references": list_references(STUDY), "queries": list_queries(STUDY)}
