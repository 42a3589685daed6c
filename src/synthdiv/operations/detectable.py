"""Whether there are enough training seeds and evaluation images: the smallest difference that a study would find."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from synthdiv.core.tables import refuse_damage
from synthdiv.operations.grid import UNREAD, is_done
from synthdiv.operations.inputs import Inputs
from synthdiv.plan.sets import find_collection
from synthdiv.plan.study import Study
from synthdiv.stats.power import (
    MOST,
    Design,
    Noise,
    find_detectable,
    find_median_detectable,
    list_sufficient,
    measure_noise,
)

ASSUMED = Noise(seeds=0.0098**2, images=0.081, particular=0.105)
"""Of the correctness of all images, measured on the demo: classifier ``small`` (config/config.yaml; seven training sets,
three seeds each), evaluated on Fashion-IM (1,000 images of ten classes). Between seeds, its top-1 has a standard deviation
of 1.4 points; with ever more images, it would be 1.0."""
ASSUMED_OF_CLASS = Noise(seeds=0.044**2, images=0.082, particular=0.104)
"""The same for the images of one class (100), as a mean over the classes. Between seeds, a class's recall has a standard
deviation of 5.4 points; with ever more images, it would be 4.4."""
ASSUMED_IMAGES = 50
"""Evaluation images of a class while their number is unknown, as in ImageNet's validation split."""
WANTED = 0.02
"""The difference in top-1 for which larger studies are named."""
ENOUGH_SEEDS = 3
ONE_SEED = (
    "cannot be judged: one training seed says nothing about how much training runs vary; "
    f"use `seeds: {list(range(1, ENOUGH_SEEDS + 1))}`, for which these are:"
)
HEADING = "Smallest differences between two training sets that are found with 80 % probability (one test, two-sided, at 5 %)"


@dataclass(frozen=True)
class _Evaluated:
    """The evaluation images of a classifier: how many of each class, and what is known of these numbers."""

    set_name: str
    sizes: Mapping[int, int]
    note: str = ""

    def __str__(self) -> str:
        return f"{sum(self.sizes.values()):,} evaluation images of {self.set_name}{self.note}"


@dataclass(frozen=True)
class _Variation:
    """How much the results of a classifier vary, as a whole and by class, and how this is known."""

    whole: Noise
    of_classes: Mapping[int, Noise]
    source: str


def describe_detectable(study: Study, results: Path, planned: Container[str], inputs: Inputs = UNREAD) -> list[str]:
    """Return lines on each classifier with several training sets: the differences that it finds, or why none can be found.

    Parameters
    ----------
    study : Study
    results : Path
        The study's folder of results. Finished evaluations show how much training runs vary; otherwise it is assumed.
    planned : container of str
        The files that Snakemake would write.
    inputs : Inputs, optional
        The user's own images, which are counted by the index, or assumed, if they have not been read.

    Returns
    -------
    list of str
        For each classifier its size, what it finds in top-1 and in the recall of classes, and how the noise is known.
    """
    lines = []
    for classifier, entry in study.config.classifiers.items():
        if len(entry.train) < 2:
            continue
        evaluated = _count_images(study, results, entry.evaluate[0], planned, inputs)
        paths = [results / "evaluations" / classifier / f"{training}.parquet" for training in entry.train]
        noise = _read_noise(paths, entry.evaluate[0], planned) or _assume_noise(evaluated)
        sets, seeds = len(entry.train), len(entry.seeds)
        lines.append(f"{classifier}: {sets} training sets x {seeds} seed{'s' * (seeds > 1)}, {evaluated}")
        if seeds == 1:
            lines.append(f"  {ONE_SEED}")
            seeds = ENOUGH_SEEDS
        lines.append(f"  {_describe_whole(noise, evaluated, sets, seeds)}")
        lines.append(f"  {_describe_classes(noise, evaluated, sets, seeds)}")
        lines.append(f"  noise {noise.source}")
    return lines


def _describe_whole(noise: _Variation, evaluated: _Evaluated, sets: int, seeds: int) -> str:
    design = Design(sets, seeds, tuple(evaluated.sizes.values()))
    found = find_detectable(noise.whole, design)
    if math.isnan(found):
        return "top-1: cannot be judged: it needs evaluation images on which classifiers differ; use more of each class"
    line = f"top-1: {_format(found)}"
    if found <= WANTED:
        return line
    sufficient = [_describe_larger(one, design) for one in list_sufficient(noise.whole, design, WANTED)]
    if not sufficient:
        return f"{line}; to find {_format(WANTED)}, {MOST} times as many seeds and images are not enough"
    return f"{line}; to find {_format(WANTED)}, take for example {' or '.join(sufficient)}"


def _describe_larger(larger: Design, design: Design) -> str:
    parts = [f"{larger.seeds} seeds"] * (larger.seeds > design.seeds)
    parts += [f"{larger.images:,} evaluation images"] * (larger.images > design.images)
    return " with ".join(parts)


def _describe_classes(noise: _Variation, evaluated: _Evaluated, sets: int, seeds: int) -> str:
    own = [class_id for class_id in evaluated.sizes if class_id in noise.of_classes]
    designs = [Design(sets, seeds, (evaluated.sizes[class_id],)) for class_id in own]
    found = find_median_detectable([noise.of_classes[class_id] for class_id in own], designs)
    single = sum(size < 2 for size in evaluated.sizes.values())
    reason = "fewer than two evaluation images; use two or more, and rather 50"
    if math.isnan(found):
        return f"a class's recall: cannot be judged: {reason if single else 'no finished evaluation of these classes'}"
    line = f"a class's recall: {_format(found)} (median of the classes)"
    return f"{line}; {single:,} of {len(evaluated.sizes):,} classes cannot be judged: {reason}" if single else line


def _format(value: float) -> str:
    return f"{100 * value:.1f} points"


def _count_images(study: Study, results: Path, set_name: str, planned: Container[str], inputs: Inputs) -> _Evaluated:
    """Count the evaluation images of each class: as read, as indexed, as the config asks for, or an assumption."""
    found = inputs.counts.get((set_name, "evaluation"))
    if found is not None:
        return _Evaluated(set_name, found)
    collection, entry = find_collection(study, set_name), study.sets[set_name]
    if not collection.startswith("natural/"):
        count = study.datasets[study.find_dataset(set_name)].images_per_class["evaluation"]
        return _Evaluated(set_name, dict.fromkeys(range(len(study.classes)), count))
    index, most = results / "images" / f"{collection}.parquet", entry.images_per_class.evaluation
    if index.exists() and (is_done(index, planned) or not isinstance(most, int)):
        rows = pl.scan_parquet(index).filter(pl.col("split") == "evaluation")
        counts = rows.group_by("class_id").agg(pl.len()).sort("class_id").collect()
        return _Evaluated(set_name, dict(counts.iter_rows()))
    if isinstance(most, int):
        return _Evaluated(
            set_name, dict.fromkeys(range(len(study.classes)), most), " (at most; known once they are indexed)"
        )
    note = f" (assumed, {ASSUMED_IMAGES} a class: their number is unknown until they are indexed)"
    return _Evaluated(set_name, dict.fromkeys(range(len(study.classes)), ASSUMED_IMAGES), note)


def _assume_noise(evaluated: _Evaluated) -> _Variation:
    source = "assumed: from the demo's classifier; it is measured once two training sets of yours are evaluated"
    return _Variation(ASSUMED, dict.fromkeys(evaluated.sizes, ASSUMED_OF_CLASS), source)


def _read_noise(paths: list[Path], set_name: str, planned: Container[str]) -> _Variation | None:
    """Measure the noise of a classifier's finished evaluations; None without two training sets with several seeds each."""
    answers: dict[Path, np.ndarray] = {}
    images = None
    for path in filter(Path.exists, paths):
        with refuse_damage(path):
            rows = pl.scan_parquet(path).filter(pl.col("evaluation_set") == set_name)
            columns = rows.select("seed", "class_id", "index", "correct_top1").collect()
        table, seeds = columns.sort("seed", "class_id", "index"), columns["seed"].n_unique()
        own = table.select("class_id", "index").head(len(table) // max(seeds, 1))
        images = own if images is None else images
        if seeds > 1 and own.equals(images):
            answers[path] = table["correct_top1"].to_numpy().reshape(seeds, -1)
    if images is None or len(answers) < 2 or len(images) < 2:
        return None
    class_ids = images["class_id"].to_numpy()
    whole = measure_noise(list(answers.values()), class_ids)
    if whole.is_zero:
        return None
    of_classes = {}
    for class_id in np.unique(class_ids).tolist():
        of_class = np.flatnonzero(class_ids == class_id)
        if len(of_class) > 1:
            of_classes[class_id] = measure_noise([values[:, of_class] for values in answers.values()], class_ids[of_class])
    earlier = ", before an edit" if any(str(path) in planned for path in answers) else ""
    return _Variation(whole, of_classes, f"measured on {len(answers)} training sets{earlier}")
