"""Texts that describe a class: CLIP's text-to-image retrieval with them tests a prompt, a class name or an image domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import Dataset

DOMAINS = {
    "photograph": "a photograph of a {}",
    "product shot": "a product shot of a {} on a white background",
    "drawing": "a drawing of a {}",
    "painting": "a painting of a {}",
    "rendering": "a 3D rendering of a {}",
}
"""Image domains; the first is that of natural images."""
WORDINGS = ("name", "name, hypernym", "name, definition")
"""Descriptions of a class besides its prompts: a prompt with worse retrieval than one of these can be clarified."""
MAX_PROMPTS = 20
"""Prompts of a class that are used where each image has its own."""


def list_texts(classes: Sequence[ClassRow], datasets: Mapping[str, Dataset]) -> list[tuple[int, str, str]]:
    """List the texts of each class.

    Parameters
    ----------
    classes : sequence of ClassRow
        The study's classes.
    datasets : mapping of name to Dataset
        The datasets that are generated.

    Returns
    -------
    list of (class_id, kind, text)
        kind is "prompt of <dataset>" (at most ``MAX_PROMPTS`` where each image has its own), one of ``WORDINGS`` (where the
        class table has the columns for it), or "domain <name>".
    """
    texts = []
    for row in classes:
        for name, dataset in datasets.items():
            count = min(MAX_PROMPTS, dataset.images_per_class["train"]) if dataset.per_image else 1
            prompts = dict.fromkeys(dataset.prompt(row.class_id, "train", n) for n in range(count))
            texts += [(row.class_id, name_prompts(name), prompt) for prompt in prompts]
        parts = {
            "name": [row.name],
            "name, hypernym": [row.name, row.hypernym],
            "name, definition": [row.name, row.definition],
        }
        texts += [(row.class_id, kind, ", ".join(parts[kind])) for kind in WORDINGS if all(parts[kind])]
        texts += [(row.class_id, f"domain {name}", template.format(row.name)) for name, template in DOMAINS.items()]
    return texts


def name_prompts(dataset: str) -> str:
    """Return the kind of a dataset's prompts."""
    return f"prompt of {dataset}"
