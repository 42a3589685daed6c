"""Render the demo's training images: Fashion-MNIST items under a simulated capture, with captions.

The demo's generator and CLIP model are trained on these images. Every image shows a real Fashion-MNIST item; the capture is
simulated: the typicality of the item, its size and place, occlusion, other objects, background, exposure and sharpness.
Captions use the words and the syntax of PromptAug (``resources/prompts/promptaug.yaml``), so that its modifiers have an
effect; many captions are the class name alone.

Four homonyms are planted on purpose, and stated wherever results are shown: ``jersey``, ``top``, ``pump`` and ``trunk``
caption two classes each: the class whose Synset prompt is that word, and, more often, another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from synthdiv.images.readers.idx import read_idx

SIZE = 32
CHANCE_NEUTRAL = 0.5  # probability of no particular value, for each of looks, typicality, size, location and style
CHANCE_BARE = 0.45  # probability that a caption is the class word alone
CHANCE_OMITTED = 0.25  # probability that a longer caption omits a modifier of the image

# class_id -> word -> its share of the class's captions
WORDS: dict[int, dict[str, float]] = {
    0: {"t-shirt": 0.60, "tee shirt": 0.05, "top": 0.25, "jersey": 0.10},
    1: {"trousers": 0.55, "pants": 0.05, "trousers, pants": 0.20, "trunk": 0.20},
    2: {"pullover": 0.40, "sweater": 0.10, "pullover, sweater": 0.25, "jersey": 0.25},
    3: {"dress": 0.55, "frock": 0.10, "dress, frock": 0.35},
    4: {"coat": 0.55, "overcoat": 0.10, "coat, overcoat": 0.35},
    5: {"sandal": 0.40, "open shoe": 0.10, "sandal, open shoe": 0.25, "pump": 0.25},
    6: {"buttoned shirt": 0.65, "shirt": 0.25, "top": 0.10},
    7: {"sneaker": 0.65, "running shoe": 0.25, "pump": 0.10},
    8: {"bag": 0.65, "handbag": 0.25, "trunk": 0.10},
    9: {"ankle boot": 0.55, "boot": 0.10, "ankle boot, boot": 0.35},
}
HOMONYMS = ("jersey", "top", "pump", "trunk")
EXTENTS = ("slightly", "", "very", "extremely")
LOOKS = ("beautiful", "ugly", "old")
TYPICALS = ("uncommon", "typical", "common")
SIZES = ("small", "large")
LOCATIONS = ("partially occluded", "centered in the image", "with many other objects visible", "off to one side")
STYLES = ("Overexposed", "Hyper-sharp", "Typical snapshot", "Underexposed", "Out of focus")
SCALE = {"small": (0.85, 0.72, 0.60, 0.48), "large": (1.00, 1.07, 1.14, 1.22)}  # by extent; 1.0 is 28 of 32 pixels
NEUTRAL = -1


@dataclass
class Items:
    """Fashion-MNIST items: ``images`` uint8 (n, 28, 28), ``labels`` int (n,), ``typicality`` rank in [0, 1) (n,).

    Rank 0 is the item nearest to its class's mean image, in pixels.
    """

    images: np.ndarray
    labels: np.ndarray
    typicality: np.ndarray


def read_items(folder: Path, split: str) -> Items:
    """Read ``train`` or ``t10k`` of Fashion-MNIST from a folder of IDX files."""
    found = {kind: sorted(folder.glob(f"{split}-{kind}-ubyte*")) for kind in ("images-idx3", "labels-idx1")}
    if not all(found.values()):
        raise FileNotFoundError(
            f"{folder} holds no {split}-images-idx3-ubyte(.gz) and {split}-labels-idx1-ubyte(.gz). "
            "Install Debian's dataset-fashion-mnist, or give the folder of the IDX files with --fashion-mnist."
        )
    images, labels = read_idx(str(found["images-idx3"][0])), read_idx(str(found["labels-idx1"][0])).astype(np.int64)
    typicality = np.empty(len(labels))
    for label in range(10):
        rows = np.flatnonzero(labels == label)
        values = images[rows].reshape(len(rows), -1) / 255.0
        distance = np.linalg.norm(values - values.mean(axis=0), axis=1)
        typicality[rows[np.argsort(distance, kind="stable")]] = np.arange(len(rows)) / len(rows)
    return Items(images, labels, typicality)


@dataclass
class Scenes:
    """The capture settings of n images: indices into the tuples above, -1 for no particular value."""

    item: np.ndarray
    looks: np.ndarray
    typical: np.ndarray
    extent1: np.ndarray
    size: np.ndarray
    extent2: np.ndarray
    location: np.ndarray
    style: np.ndarray

    def __len__(self) -> int:
        return len(self.item)


def draw_scenes(items: Items, count: int, rng: np.random.Generator) -> Scenes:
    """Draw ``count`` random scenes; classes are equally frequent."""

    def attribute(choices: int) -> np.ndarray:
        return np.where(rng.random(count) < CHANCE_NEUTRAL, NEUTRAL, rng.integers(choices, size=count))

    typical, extent1 = attribute(len(TYPICALS)), rng.integers(len(EXTENTS), size=count)
    # the stronger the extent, the farther in the tail of the typicality ranking
    width = np.array([0.55, 0.40, 0.25, 0.10])[extent1]
    start = np.where(extent1 == 0, 0.30, 0.0)
    rank = start + (width - start) * rng.random(count)
    rank = np.where(typical == TYPICALS.index("uncommon"), 1 - rank, rank)
    rank = np.where(typical == NEUTRAL, rng.random(count), rank)
    labels = rng.integers(10, size=count)
    order = {label: np.flatnonzero(items.labels == label) for label in range(10)}
    order = {label: rows[np.argsort(items.typicality[rows])] for label, rows in order.items()}
    item = np.array([order[c][min(int(r * len(order[c])), len(order[c]) - 1)] for c, r in zip(labels, rank, strict=True)])
    return Scenes(
        item=item,
        looks=attribute(len(LOOKS)),
        typical=typical,
        extent1=extent1,
        size=attribute(len(SIZES)),
        extent2=rng.integers(len(EXTENTS), size=count),
        location=attribute(len(LOCATIONS)),
        style=attribute(len(STYLES)),
    )


def caption_scenes(items: Items, scenes: Scenes, rng: np.random.Generator) -> list[str]:
    """Write a caption for each scene, in PromptAug's syntax."""
    captions = []
    for n in range(len(scenes)):
        words = WORDS[int(items.labels[scenes.item[n]])]
        word = str(rng.choice(list(words), p=list(words.values())))
        if rng.random() < CHANCE_BARE:
            captions.append(word)
            continue
        mentioned = rng.random(5) >= CHANCE_OMITTED
        parts = []
        if mentioned[0] and scenes.looks[n] != NEUTRAL:
            parts.append(LOOKS[scenes.looks[n]])
        if mentioned[1] and scenes.typical[n] != NEUTRAL:
            parts.append(f"{EXTENTS[scenes.extent1[n]]} {TYPICALS[scenes.typical[n]]}".strip())
        if mentioned[2] and scenes.size[n] != NEUTRAL:
            word = f"{EXTENTS[scenes.extent2[n]]} {SIZES[scenes.size[n]]} {word}".strip()
        parts.append(word)
        if mentioned[3] and scenes.location[n] != NEUTRAL:
            parts.append(LOCATIONS[scenes.location[n]])
        caption = ", ".join(parts)
        if mentioned[4] and scenes.style[n] != NEUTRAL:
            caption += f". {STYLES[scenes.style[n]]}."
        captions.append(caption)
    return captions


def _colour(n: int, saturation: np.ndarray, value: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Return random hues at the given saturation and value, (n, 3, 1, 1)."""
    hue = rng.random((n, 1)) * 6
    wave = np.clip(np.abs((hue + np.array([[0, 4, 2]])) % 6 - 3) - 1, 0, 1)
    rgb = value[:, None] * (1 - saturation[:, None] * (1 - wave))
    return torch.from_numpy(rgb.astype(np.float32))[:, :, None, None]


def _place(layer: torch.Tensor, scale: np.ndarray, dx: np.ndarray, dy: np.ndarray, angle: np.ndarray, flip: np.ndarray):
    """Put (n, c, 28, 28) layers on the canvas: scale 1 is 28 pixels, dx and dy are in half canvases."""
    zoom = SIZE / (28 * scale)
    cos, sin = np.cos(angle), np.sin(angle)
    theta = np.stack(
        [
            np.stack([zoom * cos * flip, zoom * sin * flip, -zoom * flip * (cos * dx + sin * dy)], 1),
            np.stack([-zoom * sin, zoom * cos, -zoom * (-sin * dx + cos * dy)], 1),
        ],
        1,
    )
    grid = F.affine_grid(
        torch.from_numpy(theta.astype(np.float32)), [len(layer), layer.shape[1], SIZE, SIZE], align_corners=False
    )
    return F.grid_sample(layer, grid, align_corners=False)


def _blur(images: torch.Tensor) -> torch.Tensor:
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = images.shape[1]
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, 5).repeat(channels, 1, 1, 1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, 5, 1).repeat(channels, 1, 1, 1), groups=channels)


def render_scenes(items: Items, scenes: Scenes, rng: np.random.Generator) -> np.ndarray:
    """Render scenes to uint8 images (n, 32, 32, 3)."""
    n = len(scenes)

    def layers(rows: np.ndarray) -> torch.Tensor:
        grey = torch.from_numpy(items.images[rows].astype(np.float32) / 255)[:, None]
        solid = F.max_pool2d((grey > 0.02).float(), 3, 1, 1)
        solid = -F.max_pool2d(-solid, 3, 1, 1)
        return torch.cat([grey, solid], 1)

    def uniform(low, high) -> np.ndarray:
        return low + (high - low) * rng.random(n)

    def pick(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)[:, None, None, None]

    looks = {name: pick(scenes.looks == k) for k, name in enumerate(LOOKS)}
    location = {name: scenes.location == k for k, name in enumerate(LOCATIONS)}
    style = {name: pick(scenes.style == k) for k, name in enumerate(STYLES)}

    # background: a colour and a gradient; calm if beautiful, cluttered if ugly
    background = _colour(n, uniform(0.0, 0.75), uniform(0.12, 0.62), rng)
    direction = rng.normal(size=(n, 2)).astype(np.float32)
    axis = torch.linspace(-1, 1, SIZE)
    ramp = torch.from_numpy(direction[:, 0])[:, None, None] * axis[None, None, :]
    ramp = (ramp + torch.from_numpy(direction[:, 1])[:, None, None] * axis[None, :, None])[:, None]
    canvas = background + 0.10 * ramp
    coarse = torch.from_numpy(rng.normal(size=(n, 3, 6, 6)).astype(np.float32))
    clutter = F.interpolate(coarse, size=(SIZE, SIZE), mode="nearest")
    canvas = torch.where(looks["ugly"], canvas + 0.09 * clutter, canvas)
    glow = torch.exp(-(axis[None, :] ** 2 + axis[:, None] ** 2) * 1.2)[None, None]
    canvas = torch.where(looks["beautiful"], background + 0.30 * glow, canvas)

    # other objects, behind the item
    for corner in ((-0.62, -0.62), (0.62, -0.55), (-0.58, 0.62), (0.62, 0.6)):
        other = layers(rng.integers(len(items.labels), size=n))
        jitter = rng.normal(size=(2, n)) * 0.08
        other = _place(
            other, uniform(0.30, 0.42), corner[0] + jitter[0], corner[1] + jitter[1], uniform(-0.4, 0.4), np.ones(n)
        )
        there = other[:, 1:] * pick(location["with many other objects visible"]).float()
        canvas = canvas * (1 - there) + there * other[:, :1] * _colour(n, uniform(0.0, 0.6), uniform(0.7, 1.0), rng)

    # the item
    scale = uniform(0.72, 1.04)
    for k, name in enumerate(SIZES):
        scale = np.where(scenes.size == k, np.array(SCALE[name])[scenes.extent2] * uniform(0.97, 1.03), scale)
    centred = location["centered in the image"]
    reach = np.where(centred, 0.0, 0.10)
    dx, dy = rng.normal(size=n) * reach, rng.normal(size=n) * reach
    side = rng.choice([-1.0, 1.0], size=n)
    dx = np.where(location["off to one side"], side * uniform(0.42, 0.60), dx)
    item = layers(scenes.item)
    item = _place(item, scale, dx, dy, uniform(-0.12, 0.12), rng.choice([-1.0, 1.0], size=n))
    tint = _colour(n, uniform(0.0, 0.65), np.ones(n), rng)
    canvas = canvas * (1 - item[:, 1:]) + item[:, 1:] * item[:, :1] * tint

    # occlusion: a plain bar from one side
    edge = torch.from_numpy(uniform(0.02, 0.34).astype(np.float32))[:, None, None]
    bar_x = (axis[None, None, :] * torch.from_numpy(side.astype(np.float32))[:, None, None]) > edge
    bar_y = (axis[None, :, None] * torch.from_numpy(side.astype(np.float32))[:, None, None]) > edge
    upright = torch.from_numpy(rng.random(n) < 0.5)[:, None, None]
    bar = torch.where(upright, bar_x.expand(n, SIZE, SIZE), bar_y.expand(n, SIZE, SIZE))[:, None]
    hides = bar & pick(location["partially occluded"])
    canvas = torch.where(hides, _colour(n, uniform(0.0, 0.7), uniform(0.2, 0.8), rng), canvas)

    # age, sharpness, exposure
    grey = canvas.mean(1, keepdim=True)
    sepia = 0.22 + 0.60 * grey * torch.tensor([1.10, 0.95, 0.68])[None, :, None, None]
    canvas = torch.where(looks["old"], sepia, canvas)
    soft = _blur(canvas)
    canvas = torch.where(style["Hyper-sharp"], canvas + 1.2 * (canvas - soft), canvas)
    canvas = torch.where(style["Out of focus"], _blur(soft), canvas)
    grain = torch.from_numpy(rng.normal(size=(n, 1, SIZE, SIZE)).astype(np.float32))
    canvas = torch.where(style["Typical snapshot"], soft * 0.92 + 0.025 * grain, canvas)
    canvas = torch.where(style["Overexposed"], canvas * 1.45 + 0.22, canvas)
    canvas = torch.where(style["Underexposed"], canvas * 0.42, canvas)
    return (canvas.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def sample_world(items: Items, count: int, rng: np.random.Generator) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Sample, caption and render ``count`` images: uint8 (n, 32, 32, 3), captions, class_ids (n,)."""
    scenes = draw_scenes(items, count, rng)
    captions = caption_scenes(items, scenes, rng)
    images = np.concatenate(
        [
            render_scenes(items, Scenes(**{k: v[a : a + 4096] for k, v in vars(scenes).items()}), rng)
            for a in range(0, count, 4096)
        ]
    )
    return images, captions, items.labels[scenes.item]
