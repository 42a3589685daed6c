"""How a study was done, in words: for the methods section of a paper, with BibTeX, and for the card of an exported set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from synthdiv.config.generation import DatasetEntry
from synthdiv.config.training import ClassifierEntry, Recipe
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.provenance.environments import read_last_versions
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.jobs.files import has_result
from synthdiv.plan.generation import find_generator
from synthdiv.plan.study import Study
from synthdiv.report.text_tables import escape_latex

BIBTEX = {
    "synthdiv": """@misc{synthdiv,
  title = {synthdiv: why a synthetic training set falls short of a natural one},
  author = {{the synthdiv maintainers}},
  year = {2026},
}""",
    "snakemake": """@article{snakemake,
  title = {Sustainable data analysis with {Snakemake}},
  author = {M{\\"o}lder, Felix and others},
  journal = {F1000Research},
  volume = {10},
  number = {33},
  year = {2021},
  doi = {10.12688/f1000research.29032},
}""",
    "marwood2023diversity": """@misc{marwood2023diversity,
  title = {Diversity and Diffusion: Observations on Synthetic Image Distributions with {Stable Diffusion}},
  author = {Marwood, David and Baluja, Shumeet and Alon, Yair},
  year = {2023},
}""",
    "sariyildiz2022fake": """@misc{sariyildiz2022fake,
  title = {Fake it till you make it: Learning transferable representations from synthetic {ImageNet} clones},
  author = {Sariyildiz, Mert Bulent and Alahari, Karteek and Larlus, Diane and Kalantidis, Yannis},
  year = {2022},
}""",
    "radford2021clip": """@inproceedings{radford2021clip,
  title = {Learning Transferable Visual Models From Natural Language Supervision},
  author = {Radford, Alec and others},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2021},
}""",
    "rombach2022latent": """@inproceedings{rombach2022latent,
  title = {High-Resolution Image Synthesis with Latent Diffusion Models},
  author = {Rombach, Robin and Blattmann, Andreas and Lorenz, Dominik and Esser, Patrick and Ommer, Bj{\\"o}rn},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2022},
}""",
    "timm": """@misc{timm,
  title = {{PyTorch} Image Models},
  author = {Wightman, Ross},
  year = {2019},
  doi = {10.5281/zenodo.4414861},
}""",
    "openclip": """@misc{openclip,
  title = {{OpenCLIP}},
  author = {Ilharco, Gabriel and others},
  year = {2021},
  doi = {10.5281/zenodo.5143773},
}""",
}
"""Entries for what the text cites, by their keys. Long lists of authors are shortened."""


def write_methods(study: Study, results: Path) -> str:
    """Return LaTeX that says how a study was done, and BibTeX entries for what it cites.

    Parameters
    ----------
    study : Study
    results : Path
        Its folder of results, whose records name the software; it may not exist yet.
    """
    sentences = list(_list_sentences(study, results))
    cited = [key for key in BIBTEX if any(rf"\cite{{{key}}}" in sentence for sentence in sentences)]
    return "\n".join(
        ["% Made from the config: check it before you use it.", *sentences, "", *(BIBTEX[key] for key in cited)]
    )


def _list_sentences(study: Study, results: Path) -> Iterator[str]:
    config, versions = study.config, read_last_versions(results)
    yield (
        rf"We used synthdiv~\cite{{synthdiv}}{_find_version()}, a Snakemake~\cite{{snakemake}} workflow with the methods of "
        r"two papers~\cite{marwood2023diversity}~\cite{sariyildiz2022fake}, "
        f"with seed {study.seed} and {len(study.classes):,} classes."
    )
    for name, entry in study.sets.items():
        if entry.kind == "image" and entry.embeddings is None:
            made = describe_set(study, results, name)
            latent = r"~\cite{rombach2022latent}" if "StableDiffusionPipeline" in made else ""
            yield escape_latex(f"{name}: {made.removesuffix('.')}{_count(study, name)}") + f"{latent}."
    for name, encoder in config.encoders.items():
        weights = f" ({encoder.pretrained})" if encoder.pretrained else ""
        library = r"OpenCLIP~\cite{openclip}" if encoder.library == "open_clip" else r"timm~\cite{timm}"
        clip = r"~\cite{radford2021clip}" if encoder.pretrained == "openai" else ""
        what = escape_latex(f"{encoder.model}{weights}")
        yield f"Embeddings ({escape_latex(name)}) are of {what}{clip}, loaded by {library}."
    for name, classifier in config.classifiers.items():
        yield _describe_classifier(name, classifier, study.recipes[name])
    if has_result(study, "interventions"):
        yield (
            r"Gains and shortfalls have 95\,\% intervals over evaluation images and training runs; the p-values of gains "
            "are corrected by Holm's method."
        )
    if has_result(study, "experiments"):
        yield (
            r"Other intervals are 95\,\% intervals over images of the same classes; other p-values are corrected by "
            "Benjamini and Hochberg's procedure."
        )
    if versions:
        software = ", ".join(f"{package} {number}" for package, number in versions.items())
        yield escape_latex(f"Software: {software}.")


def _find_version() -> str:
    try:
        return f" {version('synthdiv')}"
    except PackageNotFoundError:
        return ""


def _count(study: Study, name: str) -> str:
    """Return how many images of each class a generated set has."""
    if study.sets[name].dataset is None:
        return ""
    counts = study.datasets[study.find_dataset(name)].images_per_class
    return f"; {counts['train']:,} training and {counts['evaluation']:,} evaluation images of each class"


def _describe_classifier(name: str, entry: ClassifierEntry, recipe: Recipe) -> str:
    model = rf"{escape_latex(name)}, timm~\cite{{timm}}'s {escape_latex(recipe.model)},"
    evaluated = escape_latex(", ".join(entry.evaluate))
    if not entry.train:
        return f"The classifier {model} with pretrained weights was evaluated on {evaluated}."
    length = f"{recipe.steps:,} steps" if recipe.steps is not None else f"{recipe.epochs:g} epochs"
    start = "from pretrained weights" if recipe.pretrained else "from random weights"
    start = f"from the weights of {entry.init_from.classifier}" if entry.init_from is not None else start
    seeds = f"{len(entry.seeds)} seed{'s' * (len(entry.seeds) > 1)}"
    optimizer = ", ".join(f"{key} {value}" for key, value in recipe.optimizer.items())
    seeds += " (and as many samples of training images)" if entry.sample_per_seed else ""
    trained = escape_latex(
        f"{start} for {length} with batches of {recipe.batch_size:,} ({optimizer}) and {seeds} on each of "
        + ", ".join(entry.train)
    )
    return f"The classifier {model} was trained {trained}, and evaluated on {evaluated}."


def describe_set(study: Study, results: Path, name: str) -> str:
    """Say in a sentence, without its subject, how the images of a set were made."""
    entry = study.sets[name]
    if entry.images is not None:
        made = ", ".join(f"{key} {value}" for key, value in entry.settings.items())
        return f"images with the settings {made}." if made else "natural images."
    dataset = study.find_dataset(name)
    generator = find_generator(study, dataset)
    spec = study.config.generators[generator]
    path = results / "generators" / f"{generator}.json"
    known: Mapping[str, Any] = read_fingerprint(path) if path.exists() else {}
    pipeline = f" ({known['pipeline']} {known['digest'][:12]})" if known else ""
    scheduler = known.get("scheduler") or spec.scheduler or "the model's own scheduler"
    others = [f"negative prompt {spec.negative_prompt!r}"] * bool(spec.negative_prompt)
    others += [f"LoRA {spec.lora} at {spec.lora_scale:g}"] * (spec.lora is not None)
    return (
        f"generated with {spec.model}{pipeline} at guidance scale {format_scale(study.find_scale(name))}, in {spec.steps} "
        f"steps of {scheduler}, {spec.width} x {spec.height} pixels{''.join(f', {one}' for one in others)}; "
        f"{_describe_prompts(study.config.datasets[dataset])}."
    )


def _describe_prompts(entry: DatasetEntry) -> str:
    source = entry.template or entry.table or entry.overrides or entry.grammar or "the class table"
    return f"prompts by the builder {entry.builder} from {source}" + (f", based on {entry.base}" if entry.base else "")
