"""The card of an exported set: how it was made, what its study found, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from synthdiv.config.training import MixturePart
from synthdiv.diagnosis.accounts import select_first
from synthdiv.export.images import Export
from synthdiv.plan.study import Study
from synthdiv.report.methods import describe_set
from synthdiv.report.summary import percent, span, summarise_accounts, summarise_shortfalls

READ = {
    "imagefolder": """from torchvision.datasets import ImageFolder
images = ImageFolder("{folder}/{split}")  # numbers the classes by the names of their folders

from datasets import load_dataset
images = load_dataset("imagefolder", data_dir="{folder}")  # with all columns of metadata.csv""",
    "webdataset": """import webdataset
images = webdataset.WebDataset("{folder}/{split}-{{000000..{last}}}.tar", shardshuffle=False).decode("pil")
# each sample has an image, by its suffix such as png, and json""",
    "datasets": """from datasets import load_dataset
images = load_dataset("{folder}")""",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Hugging Face's categories of numbers of images below a limit."""


def write_card(study: Study, results: Path, export: Export, tables: Mapping[str, pl.DataFrame], *, to: str) -> str:
    """Return a dataset card in Markdown, with Hugging Face's metadata.

    Parameters
    ----------
    study : Study
    results : Path
        Its folder of results.
    export : Export
    tables : mapping of str to polars.DataFrame
        The study's finished results tables.
    to : str
        The format, one of :data:`READ`.
    """
    total = sum(export.sizes.values())
    category = next((name for limit, name in SIZES if total < limit), "n>1M")
    tag = "" if all(study.sets[one.set].is_natural for one in export.lists) else "tags:\n- synthetic\n"
    lines = [
        f"---\npretty_name: {study.name}-{export.name}\ntask_categories:\n- image-classification\n"
        f"size_categories:\n- {category}\n{tag}---\n",
        f"# {export.name}\n",
        f"{total:,} images of {len(export.classes):,} classes, exported from the study {study.name} with synthdiv: "
        + ", ".join(f"{size:,} in the split {split}" for split, size in export.sizes.items())
        + ".\n",
        "## How the images were made\n",
        *(f"- {line}" for line in _list_origins(study, results, export)),
        "\n## What the study found\n",
        *(f"- {line}" for line in list(_list_findings(export.name, tables)) or ["The study had not come this far."]),
        "\n## The columns\n",
        "`label` is the number of the class in `classes.csv`, `index` the number of the image in its class, split and set, "
        "and `seed` that of the noise from which it was generated. Flags such as `black` or `nsfw` mark images that may be "
        "unfit. Natural images have no prompt, seed and guidance scale.\n",
        f"## How to read it\n\n```python\n{_explain_reading(export, to)}\n```\n",
        "`sha256sum -c checksums.sha256` checks the files. Before you publish the images, state their licence: that of the "
        "model, or of the natural images.",
    ]
    return "\n".join(lines) + "\n"


def _explain_reading(export: Export, to: str) -> str:
    from synthdiv.export.formats import IMAGES_PER_FILE

    split, size = next(iter(export.sizes.items()))
    return READ[to].format(folder="FOLDER", split=split, last=f"{(size - 1) // IMAGES_PER_FILE:06d}")


def _list_origins(study: Study, results: Path, export: Export) -> Iterator[str]:
    for part in study.mixtures.get(export.name) or [MixturePart(set=export.name)]:
        chosen = f", at most {part.images_per_class:,} of each class" if part.images_per_class is not None else ""
        chosen += f", of {len(part.classes):,} classes" if part.classes is not None else ""
        chosen += f", with weight {part.weight:g} in training" if part.weight is not None else ""
        yield f"{part.set}{chosen}: {describe_set(study, results, part.set)}"


def _list_findings(name: str, tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """Yield sentences on what the set is worth, as far as the tables exist."""
    if "classifier_means" in tables:
        for row in tables["classifier_means"].filter(train_set=name).iter_rows(named=True):
            yield (
                f"After training on it, {row['classifier']} recognises {percent(row['top1'])}"
                f"{span(row['top1_low'], row['top1_high'])} of {row['n_evaluation']:,} evaluation images of "
                f"{row['evaluation_set']} ({row['n_seeds']} training seed{'s' * (row['n_seeds'] > 1)})."
            )
    if "accounts" in tables:
        yield from summarise_accounts(select_first(tables["accounts"]).filter(train_set=name))
    if "shortfalls" in tables:
        yield from summarise_shortfalls(tables["shortfalls"].filter(train_set=name))
    if "centroid_distance" in tables:
        for row in tables["centroid_distance"].filter(set=name, split="train").iter_rows(named=True):
            bounds = span(row["centroid_distance_low"], row["centroid_distance_high"], scale=1, digits=4)
            yield f"Its diversity (Centroid Distance) is {row['centroid_distance']:.4f}{bounds}."
