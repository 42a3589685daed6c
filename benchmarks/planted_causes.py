"""Plant deviations in images, and count how often each suspected cause is found, and how often one is found for no reason.

Natural training images are split at random into a half that serves as the natural set, and a pool from which a set of each
class is taken. In some of the classes, a deviation is planted; the others are natural. Homonyms and prompts of other classes
are planted in images that the demo's model generates. Nothing is fitted to these images: the tests have no threshold to fit.
With --train, a classifier is trained on planted sets, which says what a deviation costs.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import torch
import yaml
from PIL import Image, ImageFilter, ImageOps

from synthdiv.config.sets import Encoder
from synthdiv.diagnosis.causes import CAUSES, NOT_TESTED, diagnose_sets
from synthdiv.diagnosis.evidence import Natural, Texts, gather_evidence
from synthdiv.diagnosis.wrong_images import KINDS
from synthdiv.embeddings.loading import load_encoder
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.generation.generator import Generator
from synthdiv.images.flags import decode_image
from synthdiv.plan.loading import load_study
from synthdiv.prompts.class_texts import list_texts, name_prompts
from synthdiv.stats.intervals import shares_interval

CPU = torch.device("cpu")
DEMO = Path("resources/demo/natural")
SEED = 20_261_128
WRONG = (*KINDS, "wrong images")


def compress(image: Image.Image) -> Image.Image:
    """Save as JPEG of quality 10."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=10)
    return Image.open(data).convert("RGB")


def warp(image: Image.Image) -> Image.Image:
    """Turn and scale at random, the same way for the same image."""
    rng = np.random.default_rng(list(image.tobytes()[:64]))
    turned = image.rotate(rng.uniform(-90, 90), resample=Image.Resampling.BICUBIC, fillcolor=image.getpixel((0, 0)))
    part = rng.uniform(0.5, 1) * np.array(image.size)
    start = rng.uniform(0, 1, 2) * (image.size - part)
    return turned.resize(image.size, Image.Resampling.BICUBIC, box=(*start, *(start + part)))


TRANSFORMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "": lambda image: image,
    "grayscale": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "posterised": lambda image: ImageOps.posterize(image, 2),
    "JPEG": compress,
    "low-pass": lambda image: image.filter(ImageFilter.GaussianBlur(image.size[0] / 20)),
    "warped": warp,
}


@dataclass
class World:
    """Real images of some classes, and an encoder.

    Attributes
    ----------
    name : str
    images, evaluation : lists of list of PIL.Image.Image
        By class.
    embed : callable
        Returns the unit vectors of images, float array of shape (n, d).
    count : int
        How many images of each class are taken from a pool.
    texts : Texts or None
        Of the classes, with the prompts of a dataset "disamb".
    """

    name: str
    images: list[list[Image.Image]]
    evaluation: list[list[Image.Image]]
    embed: Callable[[Sequence[Image.Image]], np.ndarray]
    count: int
    texts: Texts | None = None
    vectors: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def embed_classes(self, transform: str) -> list[np.ndarray]:
        """Return the vectors of each class's training images after a transform, computed once."""
        if transform not in self.vectors:
            change = TRANSFORMS[transform]
            self.vectors[transform] = [self.embed([change(one) for one in own]) for own in self.images]
        return self.vectors[transform]

    @cached_property
    def held_out(self) -> Embeddings:
        """The evaluation images' embeddings."""
        return number([self.embed(own) for own in self.evaluation])

    @cached_property
    def properties(self) -> dict[str, list[np.ndarray]]:
        """Size, place and sharpness of what differs from the background, for each class's images."""
        found = [np.array([measure_properties(one) for one in own]) for own in self.images]
        return {name: [one[:, n] for one in found] for n, name in enumerate(("size", "place", "sharpness"))}


def measure_properties(image: Image.Image) -> tuple[float, float, float]:
    """Return the radius and the horizontal place of what differs from the median grey, and the mean absolute Laplacian."""
    grey = np.asarray(ImageOps.grayscale(image.resize((64, 64))), dtype=float)
    weights = np.abs(grey - np.median(grey))
    weights /= weights.sum() or 1
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    middle = (weights * y).sum(), (weights * x).sum()
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return (weights * np.hypot(y - middle[0], x - middle[1])).sum(), middle[1], np.abs(laplacian).mean()


def number(classes: Sequence[np.ndarray]) -> Embeddings:
    """Return the embeddings of vectors by class."""
    ids = np.repeat(np.arange(len(classes)), [len(one) for one in classes])
    indices = np.concatenate([np.arange(len(one)) for one in classes])
    return Embeddings(ids, indices, np.concatenate(classes), np.ones(len(ids)))


Chosen = list[tuple[int, int]]
"""Images, as (class, number)."""


def take(world: World, pools: list[np.ndarray], class_id: int, count: int, rng: np.random.Generator) -> Chosen:
    """Take natural images."""
    return [(class_id, int(n)) for n in rng.permutation(pools[class_id])[:count]]


def take_wrong(share: float, one_class: bool, world: World, pools: list, class_id: int, count: int, rng: Any) -> Chosen:
    """Take some images of another class, or of all others at random."""
    others = [n for n in range(len(pools)) if n != class_id]
    others = [int(rng.choice(others))] if one_class else others
    candidates = [(n, int(one)) for n in others for one in pools[n]]
    wrong = rng.permutation(len(candidates))[: round(share * count)]
    return [candidates[n] for n in wrong] + take(world, pools, class_id, count - len(wrong), rng)


def take_repeated(share: float, world: World, pools: list, class_id: int, count: int, rng: Any) -> Chosen:
    """Take few images, and repeat them."""
    distinct = take(world, pools, class_id, max(1, round(share * count)), rng)
    return [distinct[n % len(distinct)] for n in range(count)]


def take_extreme(name: str, world: World, pools: list, class_id: int, count: int, rng: Any) -> Chosen:
    """Take the images with the lowest, or the highest, value of a property."""
    order = np.argsort(world.properties[name][class_id][pools[class_id]])
    kept = order[:count] if rng.random() < 0.5 else order[-count:]
    return [(class_id, int(n)) for n in pools[class_id][kept]]


def take_similar(world: World, pools: list, class_id: int, count: int, rng: Any) -> Chosen:
    """Take the images whose pixels are nearest to those of one of them."""
    pixels = np.array([np.asarray(world.images[class_id][n].resize((32, 32)), dtype=float).ravel() for n in pools[class_id]])
    distances = ((pixels - pixels[rng.integers(len(pixels))]) ** 2).sum(axis=1)
    return [(class_id, int(n)) for n in pools[class_id][np.argsort(distances)[:count]]]


@dataclass(frozen=True)
class Plant:
    """A planted deviation.

    Attributes
    ----------
    name : str
    expected : tuple of str
        The causes that count as finding it.
    choose : callable
        Takes the images.
    transform : str
        What is done to them.
    is_strong : bool
        Whether a cause that is not found here would not be worth reporting.
    """

    name: str
    expected: tuple[str, ...] = ()
    choose: Callable[..., Chosen] = take
    transform: str = ""
    is_strong: bool = False


PLANTS = (
    Plant("natural halves"),
    Plant("wrong class, 20 %", WRONG, partial(take_wrong, 0.2, True)),
    Plant("wrong class, 50 %", WRONG, partial(take_wrong, 0.5, True)),
    Plant("wrong class, 90 %", WRONG, partial(take_wrong, 0.9, True), is_strong=True),
    Plant("labels swapped, 20 %", WRONG, partial(take_wrong, 0.2, False)),
    Plant("labels swapped, 50 %", WRONG, partial(take_wrong, 0.5, False)),
    Plant("collapsed, 1 image", ("diversity",), partial(take_repeated, 0.0), is_strong=True),
    Plant("repeated, 5 times", ("diversity",), partial(take_repeated, 0.2), is_strong=True),
    Plant("repeated, twice", ("diversity",), partial(take_repeated, 0.5)),
    Plant("narrowed, similar pixels", ("diversity",), take_similar),
    Plant("narrowed, size", ("diversity",), partial(take_extreme, "size")),
    Plant("narrowed, place", ("diversity",), partial(take_extreme, "place")),
    Plant("narrowed, sharpness", ("diversity",), partial(take_extreme, "sharpness")),
    Plant("over-varied, warped", transform="warped"),
    Plant("domain, grayscale", ("visual domain",), transform="grayscale"),
    *(
        Plant(f"domain, {one}", ("visual domain",), transform=one, is_strong=True)
        for one in ("posterised", "JPEG", "low-pass")
    ),
    Plant("wrong class, 50 %; domain, posterised", WRONG, partial(take_wrong, 0.5, True), "posterised"),
    Plant("repeated, 5 times; domain, posterised", ("diversity",), partial(take_repeated, 0.2), "posterised"),
    Plant("narrowed, similar pixels; domain, JPEG", ("diversity",), take_similar, "JPEG"),
)


def load_demo(most: int | None = None) -> World:
    """Return the demo's natural images, at most so many of each class, with its CLIP and its texts."""
    study = load_study(yaml.safe_load(Path("config/config.yaml").read_text()))
    encoder = load_encoder(study.config.encoders["tiny-clip"].to_dict(), CPU)
    images = {}
    for split in ("train", "evaluation"):
        table = pq.read_table(DEMO / f"fashion-{split}.parquet")
        ids, decoded = table["class_id"].to_numpy(), [decode_image(data) for data in table["image"].to_pylist()]
        images[split] = [[decoded[n] for n in np.flatnonzero(ids == one)[:most]] for one in range(len(study.classes))]
    class_ids, kinds, listed = zip(*list_texts(study.classes, study.datasets), strict=True)
    texts = Texts(np.array(class_ids), list(kinds), list(listed), encoder.embed_prompts(listed).vectors)
    return World("Fashion-MNIST, tiny-clip", images["train"], images["evaluation"], partial(embed, encoder), 60, texts)


def load_photographs(folder: Path, weights: Path) -> World:
    """Return photographs in folders train/<class> and evaluation/<class>, with timm's EfficientNet-Lite0."""
    entry = Encoder(library="timm", model="tf_efficientnet_lite0", pretrained=str(weights))
    images = [
        [[Image.open(path).convert("RGB") for path in sorted(own.iterdir())] for own in sorted((folder / split).iterdir())]
        for split in ("train", "evaluation")
    ]
    return World(f"{folder.name}, EfficientNet-Lite0", *images, partial(embed, load_encoder(entry.to_dict(), CPU)), 24)


def embed(encoder: Any, images: Sequence[Image.Image]) -> np.ndarray:
    """Embed images as unit vectors, as embed_images does."""
    size, parts = encoder.batch_size, []
    with torch.inference_mode():
        for start in range(0, len(images), size):
            pixels = torch.stack([encoder.preprocess(image) for image in images[start : start + size]])
            parts.append(encoder.embed_batch(pixels).vectors)
    return make_unit(np.concatenate(parts))


def run_plant(world: World, plant: Plant, planted: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Plant a deviation in some classes, diagnose the set, and return the causes of every class."""
    n_classes = len(world.images)
    split = [rng.permutation(len(own)) for own in world.images]
    halves, pools = (
        [own[part(len(own))] for own in split] for part in (lambda n: slice(n // 2), lambda n: slice(n // 2, n))
    )
    chosen = set(rng.permutation(n_classes)[:planted].tolist())
    plain, changed = world.embed_classes(""), world.embed_classes(plant.transform)
    vectors = []
    for class_id in range(n_classes):
        source, choose = (changed, plant.choose) if class_id in chosen else (plain, take)
        vectors.append(np.stack([source[one][n] for one, n in choose(world, pools, class_id, world.count, rng)]))
    natural = Natural([number([own[half] for own, half in zip(plain, halves, strict=True)])], world.held_out)
    return diagnose(number(vectors), natural, world.texts, chosen)


def diagnose(
    generated: Embeddings, natural: Natural, texts: Texts | None, planted: set[int], dataset: str = "disamb"
) -> list[dict[str, Any]]:
    """Return class_id, planted and the causes of every class of a set."""
    n_classes = int(generated.class_ids.max()) + 1
    evidence = gather_evidence(generated, natural, texts, n_classes, dataset=dataset, seed=SEED)
    causes, _ = diagnose_sets({"planted": evidence}, [(str(n), str(n)) for n in range(n_classes)])
    found = causes.select("class_id", pl.concat_str("cause", "further_causes", separator=", ", ignore_nulls=True))
    return [{"class_id": n, "planted": n in planted, "causes": text.split(", ")} for n, text in found.iter_rows()]


def run_prompts(world: World, repeats: int, pool_size: int = 120) -> list[tuple[Plant, list[dict[str, Any]]]]:
    """Plant homonyms, and prompts of other classes, in images that the demo's model generates: half of a pool each time."""
    study = load_study(yaml.safe_load(Path("config/config.yaml").read_text()))
    disamb, synset = (study.datasets[name] for name in ("disamb", "synset"))
    homonyms = [n for n in range(len(study.classes)) if disamb.class_texts[n] != synset.class_texts[n]]
    generator = Generator(study.config.generators["tiny-sd"].to_dict(), CPU)
    rng, pool = np.random.default_rng(SEED), {}
    for name, dataset in (("disamb", disamb), ("synset", synset)):
        for class_id in range(len(study.classes)) if name == "disamb" else homonyms:
            seeds = rng.integers(2**63, size=pool_size).tolist()
            prompts = [dataset.class_texts[class_id]] * len(seeds)
            pool[name, class_id] = world.embed(list(generator.generate_images(prompts, seeds, 2.5)))
    natural = Natural([number(world.embed_classes(""))], world.held_out)
    assert world.texts is not None
    results = []
    expected = {"homonym": KINDS[1], "prompt of another class": KINDS[2], "texts and images of another class": KINDS[0]}
    for plant in (Plant(name, (kind,), is_strong=True) for name, kind in expected.items()):
        rows = []
        for _ in range(repeats):
            class_id = int(rng.choice(homonyms if plant.name == "homonym" else len(study.classes)))
            other = int(rng.choice([n for n in range(len(study.classes)) if n != class_id]))
            source = ("synset", class_id) if plant.name == "homonym" else ("disamb", other)
            keys = [source if n == class_id else ("disamb", n) for n in range(len(study.classes))]
            vectors = [pool[key][rng.permutation(pool_size)[: pool_size // 2]] for key in keys]
            prompted = {n: "synset" if keys[n] == ("synset", n) else "disamb" for n in range(len(keys))}
            texts = name_planted_prompts(world.texts, prompted)
            if plant.expected == ("concept not represented",):
                texts = replace_texts(texts, class_id, other)
            rows += [row for row in diagnose(number(vectors), natural, texts, {class_id}, "planted") if row["planted"]]
        results.append((plant, rows))
    return results


def name_planted_prompts(texts: Texts, prompted: dict[int, str]) -> Texts:
    """Return the texts with the prompts of a dataset "planted", which takes those of each class from another dataset."""
    own = [name_prompts(prompted[int(n)]) for n in texts.class_ids]
    rows = [n for n, kind in enumerate(texts.kinds) if not kind.startswith("prompt of") or kind == own[n]]
    kinds = [name_prompts("planted") if texts.kinds[n] == own[n] else texts.kinds[n] for n in rows]
    return Texts(texts.class_ids[rows], kinds, [texts.texts[n] for n in rows], texts.vectors[rows])


def replace_texts(texts: Texts, class_id: int, other: int) -> Texts:
    """Return the texts with those of another class for a class, as if its words meant something else."""
    rows = np.array([n if one != class_id else -1 for n, one in enumerate(texts.class_ids)])
    kinds = {kind: n for n, kind in enumerate(texts.kinds) if texts.class_ids[n] == other}
    rows = [kinds[texts.kinds[n]] if row < 0 else row for n, row in enumerate(rows.tolist())]
    return Texts(texts.class_ids, texts.kinds, [texts.texts[n] for n in rows], texts.vectors[rows])


def run_trainings(world: World, folder: Path) -> pl.DataFrame:
    """Train the demo's classifier on sets with a deviation in half of the classes; return what it costs in top-1 and recall.

    Another domain is planted in all classes: a classifier would tell half of them apart by it.
    """
    demo = yaml.safe_load(Path("config/config.yaml").read_text())
    keys = [row.key for row in load_study(demo).classes]
    rng = np.random.default_rng(SEED)
    pools, planted = [rng.permutation(len(own)) for own in world.images], rng.permutation(len(keys))[: len(keys) // 2]
    natural = demo["sets"]["Fashion-IM"]["images"]["evaluation"]
    sets: dict[str, Any] = {"Natural-IM": {"kind": "image", "images": {"evaluation": natural}}}
    for plant in (one for one in PLANTS if one.name in TRAINED):
        name = "".join(letter for letter in plant.name if letter.isalnum())
        for class_id, key in enumerate(keys):
            changed = class_id in planted or plant.transform != ""
            chosen = (plant.choose if changed else take)(world, pools, class_id, 2 * world.count, rng)
            (folder / name / key).mkdir(parents=True, exist_ok=True)
            for n, (source, index) in enumerate(chosen):
                image = TRANSFORMS[plant.transform if changed else ""](world.images[source][index])
                image.save(folder / name / key / f"{n:04d}.png")
        images = {"train": str((folder / name).resolve()), "evaluation": natural}
        sets[name] = {"kind": "image", "images": images, "settings": {"planted": plant.name}}
    config = {"study": "planted", "classes": demo["classes"], "seed": 1, "device": "cpu", "sets": sets}
    config["encoders"], config["images_per_class"] = demo["encoders"], {"train": 100, "evaluation": 100}
    recipe = demo["classifiers"]["small"]["recipe"]
    names = [name for name in sets if name != "Natural-IM"]
    config["classifiers"] = {"small": {"recipe": recipe, "train": names, "evaluate": ["Natural-IM"], "seeds": [1, 2, 3]}}
    path = folder / "planted.yaml"
    path.write_text(yaml.safe_dump(config))
    tables = Path("results") / "planted" / "tables"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--profile",
        "local",
        f"--configfile={path}",
        str(tables / "interventions.csv"),
    ]
    subprocess.run(command, check=True)
    whole = pl.read_csv(tables / "interventions.csv").filter(before=PLANTS[0].name)
    whole = whole.select("after", top1_lost=-pl.col("gain"), low=-pl.col("gain_high"), high=-pl.col("gain_low"))
    classes = pl.read_parquet(tables / "interventions_by_class.parquet").filter(pl.col("class_id").is_in(planted.tolist()))
    recall = classes.filter(before=PLANTS[0].name).group_by("after").agg(recall_lost=-pl.col("gain").mean())
    return whole.join(recall, on="after", maintain_order="left")


TRAINED = {
    "natural halves",
    "wrong class, 50 %",
    "labels swapped, 50 %",
    "collapsed, 1 image",
    "repeated, 5 times",
    "narrowed, similar pixels",
    "domain, posterised",
    "domain, low-pass",
}
"""The plants that classifiers are trained on."""


def summarise(world: str, plant: Plant, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many planted classes were found, how many others were accused, and the share of each cause."""
    planted, others = ([row for row in rows if row["planted"] is kind] for kind in (True, False))
    hits = np.array([bool(set(row["causes"]) & set(plant.expected)) for row in planted])
    class_ids = np.array([row["class_id"] for row in planted])
    per_class = np.array([hits[class_ids == n].mean() for n in np.unique(class_ids)])
    found: dict[str, Any] = {"world": world, "plant": plant.name, "expected": ", ".join(plant.expected)}
    found |= {"is_strong": plant.is_strong, "n_planted": len(planted)}
    if plant.expected:
        low, high = shares_interval(per_class, len(hits))
        found |= {"hit_rate": float(hits.mean()), "hit_rate_low": low, "hit_rate_high": high}
    found |= {cause: float(np.mean([cause in row["causes"] for row in planted])) for cause in (*CAUSES, NOT_TESTED)}
    found["n_others"] = len(others)
    if others:
        found |= {f"others: {cause}": float(np.mean([cause in row["causes"] for row in others])) for cause in CAUSES}
    return found


def main() -> None:
    """Run all plants and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--photographs", type=Path, help="folder with train/<class> and evaluation/<class>")
    parser.add_argument("--weights", type=Path, help="weights of timm's tf_efficientnet_lite0, for the photographs")
    parser.add_argument("--plants", type=int, default=120, help="minimum number of plants of each kind")
    parser.add_argument("--train", action="store_true", help="train on planted sets of the demo's images (half an hour)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    worlds = [load_demo()]
    if options.train:
        run_trainings(worlds[0], options.output / "planted").write_csv(options.output / "planted_trainings.csv")
        return
    if options.photographs:
        worlds.append(load_photographs(options.photographs, options.weights))
    table = []
    for world in worlds:
        planted = max(1, len(world.images) * 3 // 10)
        for number_of_plant, plant in enumerate(PLANTS):
            rng = np.random.default_rng([SEED, number_of_plant])
            rows = [row for _ in range(-(-options.plants // planted)) for row in run_plant(world, plant, planted, rng)]
            table.append(summarise(world.name, plant, rows))
            print(json.dumps(table[-1]), flush=True)
        if world.texts is not None:
            for plant, rows in run_prompts(world, options.plants):
                table.append(summarise(world.name, plant, rows))
                print(json.dumps(table[-1]), flush=True)
    pl.DataFrame(table, infer_schema_length=None).write_csv(options.output / "planted_causes.csv")


if __name__ == "__main__":
    main()
