"""Draft the config of a study from what a user has."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdiv.core.files import read_text
from synthdiv.drafts.sources import Splits, read_prompts
from synthdiv.images.natural_index import MAX_HELD_OUT
from synthdiv.operations.inputs import Inputs
from synthdiv.prompts.class_tables import ClassRow

GENERATOR = "stable-diffusion-v1-5/stable-diffusion-v1-5"
ENCODER = "ViT-L-14-quickgelu:openai"
SIDE, LARGE_SIDE = 512, 1024
MOST_TRAIN, MOST_EVALUATION = 1200, 50
"""Images of a class that are generated at most, as in "Diversity and Diffusion"."""
SCALES = (2.5, 7.5)


@dataclass(frozen=True)
class Given:
    """What a user has.

    Attributes
    ----------
    study, classes : str
        The study's name, and its class table.
    rows : list of ClassRow
        The classes.
    images, embeddings : mapping of set to mapping of split to str
    prompts : str or None
        A table of prompts.
    generator : str or None
        The text-to-image model, if images are to be generated.
    encoder : str
        MODEL or MODEL:PRETRAINED.
    """

    study: str
    classes: str
    rows: list[ClassRow]
    images: Mapping[str, Splits] = field(default_factory=dict)
    embeddings: Mapping[str, Splits] = field(default_factory=dict)
    prompts: str | None = None
    generator: str | None = None
    encoder: str = ENCODER

    @property
    def generates(self) -> bool:
        """Whether images are generated."""
        return self.generator is not None or self.prompts is not None


def draft_sets(given: Given) -> dict[str, dict[str, Any]]:
    """Return the config's entries of the sets of the user's own images and embeddings.

    The images of the first set count as natural, those of others as generated.
    """
    sets: dict[str, dict[str, Any]] = {}
    for n, (name, splits) in enumerate(given.images.items()):
        sets[name] = {"kind": "image", "images": dict(splits)} | ({"settings": {"source": name}} if n else {})
    for name, splits in given.embeddings.items():
        sets[name] = {"kind": "image", "embeddings": splits.get("") or dict(splits)}
    return sets


def draft_config(given: Given, inputs: Inputs, schema: str) -> str:
    """Return the text of a config, with comments.

    Parameters
    ----------
    given : Given
    inputs : Inputs
        The user's own images and embeddings, as read for :func:`draft_sets`.
    schema : str
        The path of the config's JSON Schema from the config's folder, for editors.
    """
    sets, natural = draft_sets(given), next(iter(given.images), None)
    lines = [
        f"# yaml-language-server: $schema={schema}",
        "# A first config. config/README.md explains every key. Relative paths start at the folder in which you run it.",
        f"study: {_write(given.study)}  # the results will be in results/{given.study}/",
        f"classes: {_write(given.classes)}  # {len(given.rows):,} classes; prompts and tables use their names: check them",
        "seed: 1",
    ]
    if given.images or given.generates:
        comment = "  # on a CPU, ViT-B-32-quickgelu is faster" if given.encoder == ENCODER else ""
        lines += ["", "encoders:", _write_entry(*_draft_encoder(given.encoder), comment)]
    if given.generates:
        lines += ["", *_draft_generation(given, inputs)]
        sets |= _draft_generated(given)
    trained = [name for name, entry in sets.items() if entry["kind"] == "image" and "embeddings" not in entry]
    trains = natural is not None and len(trained) > 1 and _count_trained(natural, inputs) > 0
    chooses = trains and len(trained) > 2
    if natural is not None and chooses:
        sets[natural]["images_per_class"] = {"train": _count_trained(natural, inputs)}
    lines += ["", "sets:", *(_write_entry(name, sets[name], _explain_set(given, name, chooses=chooses)) for name in sets)]
    if natural is not None and trains:
        lines += ["", *_draft_classifier(trained, natural)]
    return "\n".join(lines) + "\n"


def _explain_set(given: Given, name: str, *, chooses: bool) -> str:
    if name in given.images and name != next(iter(given.images)):
        return "  # counts as generated; without `settings`, as natural"
    if name in given.images:
        return "  # natural; the training images that are left choose the best training set" if chooses else "  # natural"
    others = len(given.embeddings) > 1 and not given.images and name == next(iter(given.embeddings))
    return "  # the others are compared with the first set" if others else ""


def _find_smallest(name: str, split: str, inputs: Inputs) -> int:
    """Return the number of images of the smallest class."""
    return min(inputs.counts[name, split].values())


def _count_trained(natural: str, inputs: Inputs) -> int:
    """Return how many natural images of a class are trained on: the others choose a training set, as by default."""
    images = _find_smallest(natural, "train", inputs)
    return images - min(MAX_HELD_OUT, -(-images // 10))


def _draft_generated(given: Given) -> dict[str, dict[str, Any]]:
    """Return the sets of the generated images, and of their prompts."""
    dataset = "names" if given.prompts is None else "own"
    sets: dict[str, dict[str, Any]] = {
        f"{dataset.title()}{scale}-IM": {"kind": "image", "dataset": dataset, "guidance_scale": scale} for scale in SCALES
    }
    return sets | {f"{dataset.title()}-PRMT": {"kind": "prompt", "dataset": dataset}}


def _draft_encoder(given: str) -> tuple[str, dict[str, Any]]:
    model, _, pretrained = (given, "", "") if os.path.exists(given) else given.partition(":")
    if given.startswith("hf-hub:"):
        model, pretrained = given, ""
    entry = {"model": model} | ({"pretrained": pretrained} if pretrained else {})
    return _make_name(model), entry


def _draft_generation(given: Given, inputs: Inputs) -> list[str]:
    name, entry = _draft_generator(given.generator or GENERATOR)
    per_class, note = _count_images(given, inputs)
    return [
        "generators:",
        _write_entry(name, entry),
        "",
        "datasets:",
        *_draft_prompts(given),
        f"images_per_class: {_write(per_class)}  # {note}",
    ]


def _draft_generator(model: str) -> tuple[str, dict[str, Any]]:
    """Return a generator's name and entry: of a folder, the size and the variant that it has; else usual ones."""
    folder = Path(model)
    if folder.is_dir():
        variants = {path.name.split(".")[1] for path in folder.glob("*/*.*.safetensors")}
        side = _read_side(folder) or SIDE
        entry = {"model": model} | ({"variant": variants.pop()} if len(variants) == 1 else {})
    else:
        side = LARGE_SIDE if re.search(r"xl|flux|stable-diffusion-3", model, re.IGNORECASE) else SIDE
        entry = {"model": model} | ({"variant": "fp16"} if model == GENERATOR else {})
    return _make_name(model), entry | {"steps": 50, "width": side, "height": side}


def _read_side(folder: Path) -> int | None:
    """Return the side in pixels of the images that a pipeline's model was trained for; None if it does not say."""
    for part in ("unet", "transformer"):
        path, vae = folder / part / "config.json", folder / "vae" / "config.json"
        if path.exists() and vae.exists():
            sample = json.loads(read_text(path, "config of a model")).get("sample_size")
            levels = json.loads(read_text(vae, "config of a model")).get("block_out_channels", [])
            if isinstance(sample, int) and levels:
                return sample * 2 ** (len(levels) - 1)
    return None


def _draft_prompts(given: Given) -> list[str]:
    scales = {"guidance_scales": list(SCALES)}
    names = {"builder": "template", "template": "a photo of a {name}"}
    if given.prompts is None:
        return [_write_entry("names", names | scales, "  # each scale generates all images once")]
    rows = read_prompts(given.prompts) if given.prompts.endswith(".csv") else []
    keys = {row.get("key", "").strip() for row in rows}
    if keys and keys < {row.key for row in given.rows}:
        base = _write_entry("names", names, f"  # for the {len(given.rows) - len(keys):,} classes without a prompt")
        entry = {"builder": "overrides", "base": "names", "overrides": given.prompts}
        return [base, _write_entry("own", entry | scales)]
    return [_write_entry("own", {"builder": "table", "table": given.prompts} | scales)]


def _count_images(given: Given, inputs: Inputs) -> tuple[dict[str, int], str]:
    """Return how many images to generate, and why: as many as the smallest class has, or as there are prompts."""
    most = {"train": MOST_TRAIN, "evaluation": MOST_EVALUATION}
    if given.prompts is not None and given.prompts.endswith(".csv"):
        rows = read_prompts(given.prompts)
        if {"split", "index"} <= rows[0].keys():
            prompts = Counter((row["split"], row.get("key", row.get("class_id"))) for row in rows)
            of_split = {split: [n for (own, _), n in prompts.items() if own == split] for split in most}
            return {split: min(found, default=1) for split, found in of_split.items()}, "as many as there are prompts"
    natural = next(iter(given.images), None)
    if natural is None:
        return most, "of each class"
    train, evaluation = _count_trained(natural, inputs) or 1, _find_smallest(natural, "evaluation", inputs)
    least = {"train": min(MOST_TRAIN, train), "evaluation": min(MOST_EVALUATION, evaluation)}
    return least, f"of each class; not more than {natural} has"


def _draft_classifier(trained: list[str], natural: str) -> list[str]:
    return [
        "classifiers:  # what each training set is worth; `synthdiv check` says how small a difference they would find",
        "  small:",
        "    # each training takes minutes on a GPU; on a CPU, use fewer epochs and a smaller image_size",
        "    recipe: {model: resnet18, image_size: 128, epochs: 50, batch_size: 32}",
        f"    train: {_write(trained)}",
        f"    evaluate: {_write([natural])}",
        "    seeds: [0, 1, 2]",
    ]


def _write_entry(name: str, entry: Mapping[str, Any], comment: str = "") -> str:
    return f"  {_write(name)}: {_write(dict(entry))}{comment}"


def _write(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_write(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    is_plain = isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT
    return value if is_plain else json.dumps(value, ensure_ascii=False)


PLAIN = re.compile(r"(?:\.{0,2}/|[A-Za-z_])[\w./-]*")
"""Texts that need no quotes in YAML, except :data:`NOT_TEXT`."""
NOT_TEXT = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
"""What YAML does not read as text."""


def _make_name(model: str) -> str:
    """Return a name for a model: the last part of its path, in small letters."""
    last = os.path.basename(os.path.normpath(model)).lower()
    return re.sub(r"[^a-z0-9_.-]", "-", last).strip("-._") or "model"
