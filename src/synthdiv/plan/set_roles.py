"""The role of each set of a study in the claims: it follows from the config's structure, never from the set's name.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import operator
from typing import Any

from synthdiv.plan.generation import find_generator
from synthdiv.plan.sets import find_natural_images, list_natural_sets, list_prompt_sets
from synthdiv.plan.study import Study


def find_roles(study: Study) -> dict[str, Any]:
    """Find the sets and pairs of sets that the claims are about.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        - ``natural``: the first set of natural images with a training split, or None.
        - ``shifted``: the other sets of natural images.
        - ``generated``: the image sets that the study generates.
        - ``clarified``: [base, changed], two sets of the same scale and generator; the changed prompts add overrides.
        - ``augmented``: [base, changed], the same for a grammar.
        - ``extended``: [base, changed], the same for templates, of which the changed one begins with the base's.
        - ``cropped``: [multi-crop, plain], two classifiers of the same model.
        - ``sweeps``: for each dataset with several scales, its [set, scale] in rising order.
        - ``prompts``: [prompt set, image set], of the same dataset.
        - ``prompt_sets``: all sets of prompts.
        - ``scaled``: [fewer, more], a mixture with a number of images per class of one generated set, and that set; or two
          generated sets of the same prompts and scale, of which one has more images.
    """
    sets, datasets = study.sets, study.config.datasets
    natural = list_natural_sets(study)
    generated = [name for name, entry in sets.items() if entry.kind == "image" and entry.dataset is not None]

    def are_generated_alike(one: str, other: str) -> bool:
        first, second = (find_generator(study, study.find_dataset(name)) for name in (one, other))
        return sets[one].guidance_scale == sets[other].guidance_scale and first == second

    def pair_by(builder: str) -> list[list[str]]:
        return [
            [base, changed]
            for changed in generated
            for base in generated
            if datasets[study.find_dataset(changed)].builder == builder
            and datasets[study.find_dataset(changed)].base == sets[base].dataset
            and are_generated_alike(base, changed)
        ]

    def pair_templates() -> list[list[str]]:
        templates: dict[str, str] = {name: datasets[study.find_dataset(name)].template or "" for name in generated}
        return [
            [base, changed]
            for changed in generated
            for base in generated
            if templates[base]
            and templates[changed]
            and templates[changed].startswith(f"{templates[base]},")
            and are_generated_alike(base, changed)
        ]

    def are_scaled(fewer: str, more: str) -> bool:
        names = [study.find_dataset(name) for name in (fewer, more)]
        one, other = (study.datasets[name] for name in names)
        return (
            one.images_per_class["train"] < other.images_per_class["train"]
            and are_generated_alike(fewer, more)
            and all(one.describe_class(row.class_id) == other.describe_class(row.class_id) for row in study.classes)
        )

    def sort_scales(dataset: str) -> list[list]:
        own = [[name, study.find_scale(name)] for name in generated if sets[name].dataset == dataset]
        return sorted(own, key=operator.itemgetter(1))

    return {
        "natural": find_natural_images(study),
        "shifted": [name for name in natural if name != find_natural_images(study)],
        "generated": generated,
        "clarified": pair_by("overrides"),
        "augmented": pair_by("grammar"),
        "extended": pair_templates(),
        "cropped": [
            [name, other]
            for name, one in study.recipes.items()
            for other, plain in study.recipes.items()
            if one.multi_crop and not plain.multi_crop and one.model == plain.model
        ],
        "sweeps": [sweep for sweep in map(sort_scales, datasets) if len(sweep) > 1],
        "prompts": [[prompts, name] for name in generated for prompts in list_prompt_sets(study, study.find_dataset(name))],
        "prompt_sets": [name for name, entry in sets.items() if entry.kind == "prompt"],
        "scaled": [
            [mixture, parts[0].set]
            for mixture, parts in study.mixtures.items()
            if len(parts) == 1 and parts[0].set in generated and parts[0].images_per_class
        ]
        + [[fewer, more] for fewer in generated for more in generated if are_scaled(fewer, more)],
    }


def find_prompt_sets(study: Study) -> dict[str, str]:
    """Return the (first) prompt set of each generated image set that has one."""
    pairs = [(name, prompts) for prompts, name in find_roles(study)["prompts"]]
    return dict(reversed(pairs))


def list_repeated_prompt_sets(study: Study) -> list[str]:
    """List the prompt sets with one prompt per class, which is the same in both splits."""
    return [
        name
        for name, entry in study.sets.items()
        if entry.kind == "prompt" and entry.dataset is not None and not study.datasets[entry.dataset].per_image
    ]
