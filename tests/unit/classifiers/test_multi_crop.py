"""Crops against torchvision's functions composed by hand, and on an image whose pixels encode their positions."""

import numpy as np
import pytest
import torch
import yaml
from conftest import make_recipe
from PIL import Image, ImageOps
from timm.data.loader import fast_collate
from torchvision import transforms
from torchvision.transforms import functional, v2
from workplace import REPOSITORY

from synthdiv.classifiers.multi_crop import MultiCrop
from synthdiv.classifiers.recipes import build_model, build_multi_crop, build_transform
from synthdiv.images.torch_dataset import seed_randomness

QUIET = {"color_jitter_probability": 0.0, "grayscale": 0.0, "flip": 0.0}
STILL = {"blur": 0.0, "solarize": 0.0}


def make_spec(*, global_changes=None, local_changes=None, **changes):
    """Return the key ``multi_crop`` with its defaults."""
    given = {"global": global_changes or {}, "local": local_changes or {}} | changes
    return make_recipe(multi_crop=given)["multi_crop"]


@pytest.fixture
def photograph():
    generator = np.random.default_rng(0)
    small = Image.fromarray(generator.integers(0, 256, size=(12, 16, 3), dtype=np.uint8))
    return small.resize((320, 240), Image.Resampling.BICUBIC)


def cut(image, side, scale, blur, solarize):
    """Make a DINO crop by hand: torchvision's functions, with random numbers in DINO's order."""
    top, left, height, width = transforms.RandomResizedCrop.get_params(image, list(scale), [3 / 4, 4 / 3])
    image = image.crop((left, top, left + width, top + height)).resize((side, side), Image.Resampling.BICUBIC)
    if torch.rand(1) < 0.5:
        image = ImageOps.mirror(image)
    if torch.rand(1) < 0.8:
        order, *factors = transforms.ColorJitter.get_params((0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1))
        adjust = ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue")
        for n in order:
            image = getattr(functional, adjust[n])(image, factors[n])
    if torch.rand(1) < 0.2:
        image = ImageOps.grayscale(image).convert("RGB")
    if torch.rand(1) < blur:
        image = functional.gaussian_blur(image, [13, 13], [float(torch.empty(1).uniform_(0.1, 2.0))] * 2)
    if torch.rand(1) < solarize:
        image = ImageOps.solarize(image)
    return np.asarray(image).transpose(2, 0, 1)


@pytest.mark.parametrize("numbers", [(1, 8), (2, 3)], ids=["the study's", "others"])
def test_every_crop_matches_torchvisions_functions_under_the_same_seed(photograph, numbers):
    spec = make_spec(global_changes={"number": numbers[0]}, local_changes={"number": numbers[1]})
    crops = MultiCrop(spec, 224)
    seen = set()
    for seed in range(20):
        seed_randomness(1, seed)
        expected = [cut(photograph, 224, (0.25, 1.0), 0.2, 0.2) for _ in range(numbers[0])]
        expected += [cut(photograph, 96, (0.05, 0.25), 0.5, 0.0) for _ in range(numbers[1])]
        seed_randomness(1, seed)
        ours = [crop for group in crops.crop(photograph) for crop in group]
        assert len(ours) == len(expected)
        for mine, other in zip(ours, expected, strict=True):
            assert mine.dtype == np.uint8
            assert np.array_equal(mine, other)
        seen |= {crop.tobytes() for crop in ours}
    assert len(seen) == 20 * sum(numbers)


def test_every_crop_matches_torchvisions_v2_transforms_under_the_same_seed(photograph):
    """With every key other than its default. The v2 code is separate and rounds some blurred values the other way."""
    spec = make_spec(
        global_changes={"number": 2, "size": 48, "scale": [0.5, 0.9], "blur": 0.6, "solarize": 0.4},
        local_changes={"number": 3, "size": 16, "scale": [0.1, 0.3], "blur": 0.3, "solarize": 0.7},
        interpolation="bilinear",
        flip=0.3,
        color_jitter=[0.1, 0.2, 0.3, 0.4],
        color_jitter_probability=0.6,
        grayscale=0.4,
        blur_sigma=[0.5, 1.0],
    )
    compositions = [
        v2.Compose(
            [
                v2.RandomResizedCrop(side, scale=scale, interpolation=v2.InterpolationMode.BILINEAR),
                v2.RandomHorizontalFlip(0.3),
                v2.RandomApply([v2.ColorJitter(brightness=0.1, contrast=0.2, saturation=0.3, hue=0.4)], p=0.6),
                v2.RandomGrayscale(0.4),
                v2.RandomApply([v2.GaussianBlur(7, (0.5, 1.0))], p=blur),
                v2.RandomSolarize(128, p=solarize),
            ]
        )
        for side, scale, blur, solarize in [(48, (0.5, 0.9), 0.6, 0.4)] * 2 + [(16, (0.1, 0.3), 0.3, 0.7)] * 3
    ]
    crops = MultiCrop(spec, 224)
    for seed in range(40):
        seed_randomness(seed)
        expected = [np.asarray(composition(photograph)).transpose(2, 0, 1) for composition in compositions]
        seed_randomness(seed)
        ours = [crop for group in crops.crop(photograph) for crop in group]
        for mine, other in zip(ours, expected, strict=True):
            difference = np.abs(mine.astype(int) - other)
            assert difference.max() <= 1
            assert (difference > 0).mean() < 0.01


def test_crops_have_the_requested_sizes_numbers_and_scales():
    """Red encodes the column of a pixel and green its row, so a crop's range of both gives the area that it is cut from."""
    ramp = np.arange(256, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (256, 1)), np.tile(ramp[:, None], (1, 256))] * 2, axis=2)[..., :3])
    spec = make_spec(global_changes=STILL, local_changes=STILL | {"number": 4}, interpolation="nearest", **QUIET)
    crops = MultiCrop(spec, 128)
    assert crops.number == 5
    areas = [[], []]
    for seed in range(100):
        seed_randomness(seed)
        groups = crops.crop(image)
        assert [group.shape for group in groups] == [(1, 3, 128, 128), (4, 3, 96, 96)]
        for found, group in zip(areas, groups, strict=True):
            across = group[:, 0].max(axis=(1, 2)).astype(float) - group[:, 0].min(axis=(1, 2))
            down = group[:, 1].max(axis=(1, 2)).astype(float) - group[:, 1].min(axis=(1, 2))
            found.extend(across * down / 256**2)
    # a sampled pixel is up to two pixels from the edge of a crop
    assert 0.25 - 0.02 < min(areas[0]) < 0.35
    assert 0.8 < max(areas[0]) <= 1.0
    assert 0.05 - 0.015 < min(areas[1]) < 0.06
    assert 0.23 < max(areas[1]) <= 0.25


def test_a_batch_of_rows_is_separated_into_crops_and_labels(photograph):
    crops = MultiCrop(make_spec(global_changes={"number": 2}, local_changes={"number": 3, "size": 16}), 32)
    expected, rows = [[], []], []
    for seed in range(4):
        seed_randomness(seed)
        for found, group in zip(expected, crops.crop(photograph), strict=True):
            found.extend(torch.from_numpy(group))
        seed_randomness(seed)
        rows.append((crops(photograph), seed))
    batch, labels = fast_collate(rows)
    assert batch.shape == (4, *crops.shape) == (4, 3, 1, 2 * 32 * 32 + 3 * 16 * 16)
    for (mine, own), other, number in zip(crops.separate(batch, labels), expected, (2, 3), strict=True):
        assert torch.equal(mine, torch.stack(other))
        assert own.tolist() == [n for n in range(4) for _ in range(number)]
    mixed = torch.rand(4, 7)
    assert torch.equal(crops.separate(batch, mixed)[1][1], mixed.repeat_interleave(3, dim=0))


def test_without_local_crops_there_is_one_size(photograph):
    crops = MultiCrop(make_spec(local_changes={"number": 0}), 32)
    assert [group.shape for group in crops.crop(photograph)] == [(1, 3, 32, 32)]
    ((images, labels),) = crops.separate(torch.zeros(2, *crops.shape), torch.tensor([1, 2]))
    assert (images.shape, labels.tolist()) == ((2, 3, 32, 32), [1, 2])


def test_a_blur_stays_within_a_small_crop(photograph):
    crops = MultiCrop(make_spec(local_changes={"size": 8, "blur": 1.0}, blur_sigma=[3.0, 9.0]), 8)
    seed_randomness(0)
    assert [group.shape for group in crops.crop(photograph)] == [(1, 3, 8, 8), (8, 3, 8, 8)]


def test_crops_do_not_depend_on_threads(photograph):
    """A loader's worker has one thread."""
    crops, threads, found = MultiCrop(make_spec(), 224), torch.get_num_threads(), []
    try:
        for n in (1, 4):
            torch.set_num_threads(n)
            seed_randomness(0)
            found.append(crops(photograph))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(*found)


def test_global_crops_have_the_recipes_size_and_evaluation_has_none():
    recipe = make_recipe(multi_crop={"local": {"size": 16}})
    model = build_model(recipe, 3)
    assert [(kind.number, kind.side) for kind in build_multi_crop(recipe, model).kinds] == [(1, 32), (8, 16)]
    assert isinstance(build_transform(recipe, model, is_training=True), MultiCrop)
    assert not isinstance(build_transform(recipe, model, is_training=False), MultiCrop)
    assert build_multi_crop(make_recipe(), model) is None
    own = make_recipe(image_size=None, multi_crop={})
    assert build_multi_crop(own, model).kinds[0].side == 160  # the default of timm's test_resnet


def test_the_defaults_match_the_second_studys_recipe():
    given = yaml.safe_load((REPOSITORY / "resources" / "recipes" / "resnet50_multicrop.yaml").read_text())
    assert make_recipe(multi_crop=given["multi_crop"])["multi_crop"] == make_spec()
