"""Recipes build the same objects as timm's own factories with the same arguments."""

import math

import pytest
import timm
import torch
import yaml
from conftest import make_recipe, make_timm_folder
from PIL import Image
from timm.data.loader import fast_collate
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from workplace import REPOSITORY

from synthdiv.classifiers.recipes import (
    build_erasing,
    build_loss,
    build_mixup,
    build_model,
    build_optimizer,
    build_schedule,
    build_transform,
    count_steps,
    resolve_data,
)
from synthdiv.config.training import Recipe
from synthdiv.core.errors import StudyError
from synthdiv.images.torch_dataset import seed_randomness

CPU = torch.device("cpu")


def read_recipe(name):
    path = REPOSITORY / "resources" / "recipes" / f"{name}.yaml"
    return Recipe.model_validate(yaml.safe_load(path.read_text())).to_dict()


@pytest.fixture(scope="module")
def cited():
    return read_recipe("resnetrs152")


@pytest.fixture(scope="module")
def resnetrs152(cited):
    return build_model(cited, 1000)


def test_the_cited_model_has_86_62_million_parameters_and_gradients_at_256_pixels(cited, resnetrs152):
    assert round(sum(p.numel() for p in resnetrs152.parameters()) / 1e6, 2) == 86.62
    assert resnetrs152.drop_rate == 0.25
    logits = resnetrs152(torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 1000)
    loss = build_loss(cited)(logits, torch.tensor([1, 2]))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in resnetrs152.parameters())
    resnetrs152.zero_grad(set_to_none=True)


def test_the_cited_recipe_matches_the_published_one(cited, resnetrs152):
    assert cited["steps"] == 350 * 312
    assert round(cited["warmup"] * cited["steps"]) == 1560
    assert (cited["batch_size"], cited["label_smoothing"], cited["ema_decay"]) == (4096, 0.1, 0.9999)
    optimizer = build_optimizer(cited, resnetrs152)
    assert isinstance(optimizer, torch.optim.SGD)
    assert not optimizer.defaults["nesterov"]
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (1.6, 0.9)
    schedule = build_schedule(cited, optimizer, cited["steps"])
    rates = []
    for step in (0, 780, 1560, 54600, 109199):
        schedule.step(step)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:2] == [0.0, 0.8]
    assert rates[2] == pytest.approx(1.6, rel=1e-3)
    assert rates[3] == pytest.approx(0.8, rel=1e-3)
    assert rates[4] < 1e-8


@pytest.mark.parametrize("name", ["resnet50", "resnet50_multicrop"])
def test_the_second_studys_recipes_match_the_groups_public_defaults(name):
    recipe = read_recipe(name)
    model = build_model(recipe, 1000)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 25.6
    assert count_steps(recipe, 126689) == round(100 * 126689 / 256)
    optimizer = build_optimizer(recipe, model)
    assert isinstance(optimizer, torch.optim.SGD)
    assert not optimizer.defaults["nesterov"]
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.1, 0.9)
    assert sorted(group["weight_decay"] for group in optimizer.param_groups) == [0.0, 1e-4]
    schedule = build_schedule(recipe, optimizer, 1000)
    rates = []
    for step in (0, 50, 100, 550, 999):
        schedule.step(step)
        rates.append(optimizer.param_groups[0]["lr"])
    cosine = [1e-6 + (0.1 - 1e-6) * (1 + math.cos(math.pi * share)) / 2 for share in (0.1, 0.55, 0.999)]
    assert rates == pytest.approx([0.0, 0.05, *cosine])
    evaluation = resolve_data(recipe, model, is_training=False)
    assert (evaluation["input_size"], evaluation["crop_pct"], evaluation["interpolation"]) == (
        (3, 224, 224),
        0.875,
        "bilinear",
    )
    assert isinstance(build_loss(recipe), torch.nn.CrossEntropyLoss)


def test_plain_augmentation_is_a_random_resized_crop_and_a_flip():
    """As in torchvision, the usual augmentation on ImageNet; timm uses other random numbers."""
    recipe = read_recipe("resnet50")
    transform = build_transform(recipe, build_model(recipe, 10), is_training=True)
    crop, flip, _ = transform.transforms
    assert (crop.size, crop.scale, crop.ratio, crop.interpolation.value) == (
        (224, 224),
        (0.08, 1.0),
        (3 / 4, 4 / 3),
        "bilinear",
    )
    assert flip.p == 0.5


def test_the_optimisers_groups_match_timm(cited, resnetrs152):
    ours = build_optimizer(cited, resnetrs152)
    theirs = timm.optim.create_optimizer_v2(resnetrs152, opt="momentum", lr=1.6, momentum=0.9, weight_decay=4e-5)
    assert len(ours.param_groups) == len(theirs.param_groups) == 2
    for mine, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert {key: mine[key] for key in mine if key != "params"} == {key: other[key] for key in other if key != "params"}
        assert all(a is b for a, b in zip(mine["params"], other["params"], strict=True))
    assert sorted(group["weight_decay"] for group in ours.param_groups) == [0.0, 4e-5]


@pytest.mark.parametrize("is_training", [True, False])
def test_the_transforms_match_timm(cited, resnetrs152, is_training):
    image = Image.effect_noise((400, 300), 80).convert("RGB")
    data = timm.data.resolve_model_data_config(resnetrs152)
    data |= {"input_size": (3, 256, 256)} if is_training else {"input_size": (3, 320, 320), "crop_pct": data["crop_pct"]}
    given = {"auto_augment": "rand-m15-n2", "color_jitter": 0.0} if is_training else {}
    theirs = timm.data.create_transform(**data, is_training=is_training, **given)
    ours = build_transform(cited, resnetrs152, is_training=is_training)
    mean, std = (torch.tensor(resolve_data(cited, resnetrs152, is_training=is_training)[key]) for key in ("mean", "std"))
    for seed in range(5):
        seed_randomness(seed)
        expected = theirs(image)
        seed_randomness(seed)
        batch, _ = fast_collate([(ours(image), 0)])
        assert batch.dtype == torch.uint8
        normalised = (batch[0] / 255.0 - mean[:, None, None]) / std[:, None, None]
        torch.testing.assert_close(normalised, expected, atol=1e-5, rtol=1e-5)


def test_the_loss_follows_the_recipe():
    assert isinstance(build_loss(make_recipe()), torch.nn.CrossEntropyLoss)
    assert isinstance(build_loss(make_recipe(label_smoothing=0.1)), LabelSmoothingCrossEntropy)
    mixed = make_recipe(mixup={"mixup_alpha": 0.2}, label_smoothing=0.1)
    assert isinstance(build_loss(mixed), SoftTargetCrossEntropy)
    _, targets = build_mixup(mixed, 4)(torch.zeros(2, 3, 8, 8), torch.tensor([0, 3]))
    assert targets.shape == (2, 4)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(2))
    assert build_mixup(make_recipe(), 4) is None


def test_erasing_applies_to_batches_and_not_in_the_transform():
    recipe = make_recipe(augmentation={"re_prob": 1.0, "re_mode": "const", "re_count": 1})
    model = build_model(recipe, 3)
    assert "RandomErasing" not in str(build_transform(recipe, model, is_training=True))
    seed_randomness(0)
    erased = build_erasing(recipe, CPU)(torch.ones(2, 3, 32, 32))
    assert (erased == 0).any(dim=(1, 2, 3)).all()
    assert build_erasing(make_recipe(), CPU) is None


def test_steps_or_epochs_are_held_fixed():
    assert count_steps(make_recipe(steps=7), 1000) == 7
    by_epochs = {key: value for key, value in make_recipe().items() if key != "steps"} | {"epochs": 2.5, "batch_size": 8}
    assert count_steps(by_epochs, 100) == 31
    assert count_steps(by_epochs, 1) == 1


def test_weights_from_a_folder_and_from_a_file(tmp_path):
    make_timm_folder(tmp_path)
    folder = build_model(make_recipe(model=str(tmp_path), model_options={}, pretrained=True), None)
    file = build_model(make_recipe(model_options={}, pretrained=str(tmp_path / "model.safetensors")), 10)
    for one, two in zip(folder.state_dict().values(), file.state_dict().values(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "resnetrs15"}, r"could not build the classifier 'resnetrs15' \(no weights\)"),
        ({"model_options": {"dropout": 1}}, r"could not build .*dropout"),
        ({"pretrained": "missing.safetensors"}, r"could not build .*\(missing.safetensors\): FileNotFoundError"),
    ],
)
def test_error_says_why_a_model_cannot_be_built(changes, message):
    with pytest.raises(StudyError, match=message):
        build_model(make_recipe(**changes), 3)


def test_error_names_arguments_that_timm_refuses():
    model = build_model(make_recipe(), 3)
    with pytest.raises(StudyError, match=r"refuses the recipe's augmentation .*'hflips'"):
        build_transform(make_recipe(augmentation={"hflips": 1}), model, is_training=True)
    with pytest.raises(StudyError, match=r"refuses the recipe's optimizer .*'sdg'"):
        build_optimizer(make_recipe(optimizer={"opt": "sdg"}), model)
    optimizer = build_optimizer(make_recipe(), model)
    with pytest.raises(StudyError, match=r"refuses the recipe's schedule .*'cosinus'"):
        build_schedule(make_recipe(schedule={"sched": "cosinus"}), optimizer, 10)


def test_an_executable_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(StudyError, match="could not build"):
        build_model(make_recipe(pretrained=str(tmp_path / "trap.pth")), 3)
