"""Texts that say a class in words: how CLIP reads them shows what it makes of a prompt, a class, a kind of picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import Dataset

DOMAINS = {
    "photograph": "a photograph of a {}",
    "product shot": "a product shot of a {} on a white background",
    "run": "a drawing of a {}",
    "painting": "a painting of a {}",
    "rendering": "a 3D rendering of a {}",
}
"""Kinds of picture; the first is that of natural images."""
WORDINGS = ("name", "name, hypernym", "name, definition")
"""Of a class, beside its prompts: a prompt that reads worse than one of these can be clarified."""
PROMPTS = 20
"""Of a class whose images have a prompt each."""


def list_texts(classes: Sequence[ClassRow], datasets: Mapping[str, Dataset]) -> list[tuple[int, str, str]]:
    """The texts of each class.

    Parameters
    ----------
    classes : sequence of ClassRow
        The study's.
    datasets : mapping of name to Dataset
        Those that are drawn.

    Returns
    -------
    list of (class_id, kind, text)
        kind is "prompt of <dataset>" (up to ``PROMPTS`` where each image has its own), one of ``WORDINGS`` (where the class
        table has what it needs), or "domain <name>".
    """
    texts = []
    for row in classes:
        for name, dataset in datasets.items():
            count = min(PROMPTS, dataset.images_per_class["train"]) if dataset.per_image else 1
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
    """The kind of text that a dataset's prompts are."""
    return f"prompt of {dataset}"
