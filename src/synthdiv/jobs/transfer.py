"""The jobs of transfer.smk: frozen features of images, their accuracy on transfer sets, and their statistics.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.job import Job, Part
from synthdiv.images.transfer_sets import VALIDATION
from synthdiv.jobs.classifiers import list_evaluated, list_seeds
from synthdiv.jobs.images import list_excluded, list_transfer
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import list_evaluations
from synthdiv.plan.sets import find_natural_images
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import find_feature_set, list_transfer_sets
from synthdiv.prompts.class_columns import ClassColumns


class ExtractFeatures(Job):
    """The images whose features are extracted, and the classifier.

    Attributes
    ----------
    recipe : dict
        The config's recipe.
    seeds : tuple of int
        The seeds of its weights, in the order of the inputs; none for pretrained ones.
    classes : ClassColumns
    splits : tuple of str
        The images' splits.
    exclude_flags : tuple of str
        Images with these flags are left out.
    images_per_class : int or None
        None for all.
    study_seed : int
        The study's seed, which chooses them.
    """

    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    classes: ClassColumns
    splits: tuple[str, ...]
    exclude_flags: tuple[str, ...]
    images_per_class: int | None
    study_seed: int


class ClassifyTransfer(Job):
    """How a logistic regression is fitted to the features of a transfer set.

    Attributes
    ----------
    features : {"unit", "raw"}
    trials : int
        How many values of C are compared.
    max_iterations : int
    seed : int
        The study's seed.
    seeds : tuple of int
        The seeds of the classifier whose features these are; none for others.
    """

    features: str
    trials: int
    max_iterations: int
    seed: int
    seeds: tuple[int, ...]


class Encoding(Part):
    """Features of a transfer set: by an encoder, or by a classifier trained on a set."""

    transfer_set: str
    encoder: str
    train_set: str | None


class TabulateTransfer(Job):
    """The features, in the order of the inputs, and the natural set."""

    encodings: tuple[Encoding, ...]
    natural: str | None


class MeasureFeatures(Job):
    """How features are measured.

    Attributes
    ----------
    image_set : str
        The set of images.
    eps : float
        The precision of the coding length.
    threshold : float
        Up to this magnitude, a value counts as near zero.
    seeds : tuple of int
        The seeds of the classifier whose features these are; none for a pretrained one.
    """

    image_set: str
    eps: float
    threshold: float
    seeds: tuple[int, ...]


class TabulateFeatures(Job):
    """The classifier and training set of each input, and the set of images."""

    evaluations: tuple[tuple[str, str], ...]
    image_set: str


def list_feature_images(study: Study) -> list[str]:
    """List the image sets to extract features from, as paths below images/: the transfer sets and a natural set."""
    own = find_feature_set(study)
    return [f"transfer/{name}" for name in list_transfer_sets(study)] + ([] if own is None else [f"natural/{own}"])


def list_extracted(study: Study) -> list[Wildcards]:
    """List these image sets with each classifier."""
    return [{"feature_images": name, **one} for name in list_feature_images(study) for one in list_evaluated(study)]


@plans(list_extracted)
def extract_features(study: Study, feature_images: str, classifier: str, training: str) -> ExtractFeatures:
    """Plan the features: of all images of a transfer set, or of the config's number of a natural set's evaluation split."""
    is_transfer, options = feature_images.startswith("transfer/"), study.config.features
    return ExtractFeatures(
        recipe=study.recipes[classifier].to_dict(),
        seeds=list_seeds(study, classifier),
        classes=describe_classes(study, "key"),
        splits=(*SPLITS, VALIDATION) if is_transfer else ("evaluation",),
        exclude_flags=() if is_transfer else list_excluded(study),
        images_per_class=None if is_transfer or options is None else options.images_per_class,
        study_seed=study.seed,
    )


def list_encodings(study: Study) -> dict[tuple[str, str | None], str]:
    """Map each encoder of the transfer, by its name and training set, to the name of its files."""
    trained = {pair: f"classifiers/{pair[0]}/{pair[1]}" for pair in list_evaluations(study)}
    return trained | {(name, None): f"encoders/{name}" for name in study.config.encoders}


def list_transfer_jobs(study: Study) -> list[Wildcards]:
    """List the transfer sets with each encoder."""
    return [one | {"encoding": name} for one in map(dict, list_transfer(study)) for name in list_encodings(study).values()]


def find_encoding_features(study: Study, transfer_set: str, encoding: str) -> str:
    """Return the features of a transfer set."""
    kind, _, name = encoding.partition("/")
    if kind == "encoders":
        return f"<results>/embeddings/{name}/transfer/{transfer_set}.parquet"
    return f"<results>/features/transfer/{transfer_set}/{name}.parquet"


def count_transfer_threads(study: Study, transfer_set: str) -> int:
    """Return 1 for scikit-learn's small set, so that its regressions run in parallel, else 8."""
    return 8 if list_transfer_sets(study)[transfer_set].sklearn is None else 1


@plans(list_transfer_jobs)
def classify_transfer(study: Study, transfer_set: str, encoding: str) -> ClassifyTransfer:
    """Plan the accuracy of features on a transfer set."""
    options = study.config.transfer
    kind, name = encoding.split("/")[:2]
    return ClassifyTransfer(
        features=options.features,
        trials=options.trials,
        max_iterations=options.max_iterations,
        seed=study.seed,
        seeds=list_seeds(study, name) if kind == "classifiers" else (),
    )


def _list_transfer_files(study: Study, ending: str) -> list[str]:
    return [
        f"<results>/transfer/{name}/{encoding}{ending}"
        for name in list_transfer_sets(study)
        for encoding in list_encodings(study).values()
    ]


def list_transfer_predictions(study: Study) -> list[str]:
    """List the predictions on all transfer sets."""
    return _list_transfer_files(study, ".parquet")


def list_transfer_trials(study: Study) -> list[str]:
    """List the fits on all transfer sets."""
    return _list_transfer_files(study, ".trials.parquet")


@plans(once_if(list_transfer_sets))
def tabulate_transfer(study: Study) -> TabulateTransfer:
    """Plan the tables of transfer."""
    return TabulateTransfer(
        encodings=tuple(
            Encoding(transfer_set=name, encoder=encoder, train_set=training)
            for name in list_transfer_sets(study)
            for encoder, training in list_encodings(study)
        ),
        natural=find_natural_images(study),
    )


def find_natural_features(study: Study, classifier: str, training: str) -> str:
    """Return a classifier's features of natural images."""
    return f"<results>/features/natural/{find_feature_set(study)}/{classifier}/{training}.parquet"


def list_measured_features(study: Study) -> list[Wildcards]:
    """List the classifiers, if their features are measured."""
    return list_evaluated(study) if find_feature_set(study) is not None else []


@plans(list_measured_features)
def measure_features(study: Study, classifier: str, training: str) -> MeasureFeatures:
    """Plan the statistics of a classifier's features."""
    options, image_set = study.config.features, find_feature_set(study)
    assert options is not None
    assert image_set is not None
    return MeasureFeatures(
        image_set=image_set,
        eps=options.eps,
        threshold=options.threshold,
        seeds=list_seeds(study, classifier),
    )


def list_feature_statistics(study: Study) -> list[str]:
    """List the statistics of each classifier's features."""
    return [f"<results>/feature_statistics/{name}/{training}.parquet" for name, training in list_evaluations(study)]


@plans(once_if(find_feature_set))
def tabulate_features(study: Study) -> TabulateFeatures:
    """Plan the table of the statistics."""
    image_set = find_feature_set(study)
    assert image_set is not None
    return TabulateFeatures(evaluations=tuple(list_evaluations(study)), image_set=image_set)
