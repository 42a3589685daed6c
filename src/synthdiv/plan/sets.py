"""Sources of the images and embeddings of each set.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from synthdiv.config.problems import about
from synthdiv.config.sets import Encoder
from synthdiv.core.fingerprints import SELECTION
from synthdiv.images.image_source import ImageFiles
from synthdiv.plan.parts import USER_PROVIDED, GenerationRun
from synthdiv.plan.study import Study
from synthdiv.plan.user_sources import describe_images, find_embeddings, read_class_subset, read_counts


@cache
def list_encoders(study: Study) -> list[str]:
    """List the encoders' names; the first is that of the main tables. Without encoders, it is ``USER_PROVIDED``."""
    return list(study.config.encoders) or [USER_PROVIDED]


def list_text_encoders(study: Study) -> dict[str, Encoder]:
    """Return the encoders that also embed prompts."""
    return {name: spec for name, spec in study.config.encoders.items() if spec.library == "open_clip"}


def describe_encoder(study: Study, encoder: str) -> dict[str, Any]:
    """Return what decides an encoder's vectors: its entry without the choice of vectors for distances."""
    return {key: value for key, value in study.config.encoders[encoder].to_dict().items() if key != "features"}


def choose_features(study: Study, encoder: str) -> str:
    """Return which vectors of an encoder the distances between class clusters use: "unit" or "raw"."""
    spec = study.config.encoders.get(encoder)
    if spec is None:
        return "unit"
    return spec.features or ("raw" if spec.library == "timm" else "unit")


def list_encoded_sets(study: Study, encoder: str) -> list[str]:
    """List the sets with embeddings of an encoder; the first has the user-provided ones, only open_clip embeds prompts."""
    first, embeds_prompts = encoder == list_encoders(study)[0], encoder in list_text_encoders(study)
    return [
        name
        for name in list_embedded_sets(study)
        if (first if study.sets[name].embeddings is not None else study.sets[name].kind == "image" or embeds_prompts)
    ]


def find_collection(study: Study, set_name: str) -> str:
    """Return the folder of a set's embeddings: <dataset>/g<scale>, natural/<set>, prompts/<dataset> or user/<set>."""
    entry = study.sets[set_name]
    if entry.embeddings is not None:
        return f"{USER_PROVIDED}/{set_name}"
    if entry.images is not None:
        return f"natural/{set_name}"
    if entry.kind == "prompt":
        return f"prompts/{entry.dataset}"
    return GenerationRun(study.find_dataset(set_name), study.find_scale(set_name)).collection


def list_splits(study: Study, set_name: str) -> list[str]:
    """List the splits of a set with images of its own, but for a selection split."""
    images = study.sets[set_name].images
    assert images is not None
    return list(images.list_splits())


def is_evaluation_only(study: Study, set_name: str) -> bool:
    """Return whether a set has no training split; it then appears only in the tables of classifiers."""
    entry = study.sets[set_name]
    return entry.images is not None and entry.images.train is None


@cache
def list_embedded_sets(study: Study) -> list[str]:
    """List the sets that are embedded: all except those without a training split."""
    return [name for name in study.sets if not is_evaluation_only(study, name)]


def find_class_ids(study: Study, set_name: str) -> list[int] | None:
    """Return the classes of a set with a class subset; None if it has all classes.

    Raises
    ------
    StudyError
        If the subset cannot be read, or names a class that the study does not have.
    """
    subset = study.sets[set_name].class_subset
    if subset is None:
        return None
    with about(("sets", set_name, "class_subset")):
        return read_class_subset(subset, study.classes, study.config.classes)


def read_natural_counts(study: Study, set_name: str) -> dict[str, int | dict[str, int]]:
    """Return the images per class of each split that is not used whole: one number, or one for each class key.

    Raises
    ------
    StudyError
        If a table of counts cannot be read, or names no class.
    """
    counts: dict[str, int | dict[str, int]] = {}
    sizes = study.sets[set_name].images_per_class
    given_sizes = (("evaluation", sizes.evaluation), ("train", sizes.train), (SELECTION, sizes.selection))
    for split, given in given_sizes:
        if given is not None and given != "all":
            with about(("sets", set_name, "images_per_class", split)):
                counts[split] = given if isinstance(given, int) else read_counts(given, study.classes)
    return counts


def find_natural_files(study: Study, set_name: str, split: str) -> ImageFiles:
    """Return the files of one split of a natural set.

    Raises
    ------
    StudyError
        If there is nothing at the path, or the form is not recognised.
    """
    class_ids = find_class_ids(study, set_name)
    keys = [row.key for row in study.classes if class_ids is None or row.class_id in class_ids]
    images = study.sets[set_name].images
    assert images is not None
    with about(("sets", set_name, "images", split)):
        return describe_images((images.list_splits() | {SELECTION: images.selection or ""})[split], keys)


def find_embedding_files(study: Study, set_name: str) -> list[str]:
    """List the files of a set with user-provided embeddings."""
    source = study.sets[set_name].embeddings
    assert source is not None
    with about(("sets", set_name, "embeddings")):
        return find_embeddings(source)


def list_image_sets(study: Study, encoder: str | None = None) -> list[str]:
    """List the image sets (that an encoder embeds), in the order of the config."""
    names = list_encoded_sets(study, encoder) if encoder else list_embedded_sets(study)
    return [name for name in names if study.sets[name].kind == "image"]


def list_sheet_sets(study: Study) -> list[str]:
    """List the sets in the columns of the contact sheet."""
    default = [name for name in list_image_sets(study) if study.sets[name].embeddings is None]
    return default if study.config.contact_sheets.sets is None else study.config.contact_sheets.sets


def list_prompt_sets(study: Study, dataset: str) -> list[str]:
    """List the prompt sets of a dataset."""
    return [name for name, entry in study.sets.items() if entry.kind == "prompt" and entry.dataset == dataset]


def list_own_sets(study: Study) -> list[str]:
    """List the sets with images of their own: the natural ones, and those that were generated elsewhere."""
    return [name for name, entry in study.sets.items() if entry.images is not None]


def list_natural_sets(study: Study) -> list[str]:
    """List the natural sets."""
    return [name for name, entry in study.sets.items() if entry.is_natural]


@cache
def find_natural_images(study: Study) -> str | None:
    """Return the first set of natural images that has a training split."""
    return next((name for name in list_image_sets(study) if study.sets[name].is_natural), None)


@cache
def list_grammar_sets(study: Study) -> list[str]:
    """List the image sets generated from a grammar's prompts, if the first encoder also embeds prompts."""
    if list_encoders(study)[0] not in list_text_encoders(study):
        return []
    grammars = [name for name, entry in study.config.datasets.items() if entry.grammar is not None]
    return [name for name in list_image_sets(study) if study.sets[name].dataset in grammars]
