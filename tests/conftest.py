"""Shared fixtures and helpers: small class tables, tiny real models, and a folder to run the workflow in."""

import io
import os

import numpy as np
import pytest
from shared import make_once
from threadpoolctl import threadpool_limits
from workplace import DEMO, Workplace

from synthdiv.embeddings.table import Embeddings

os.environ["HF_HUB_OFFLINE"] = "1"
# Parallel tests share the cores, unless the environment sets a number of threads. The workflow's jobs set their own.
THREADS = os.environ.setdefault("TEST_THREADS", os.environ.get("OMP_NUM_THREADS", ""))  # before the worker processes
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ["OMP_NUM_THREADS"] = THREADS or str(max(1, os.cpu_count() // WORKERS))
threadpool_limits(int(os.environ["OMP_NUM_THREADS"]))  # for libraries that are already imported


def pytest_runtest_setup(item):
    """Skip tests marked gpu if there is no GPU."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")


def make_unit(rows):
    """Normalise rows to unit length, in fp64."""
    rows = np.asarray(rows, dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_embeddings(class_ids, rows, dtype=np.float64, *, unit=True):
    """Make embeddings from classes in any order: sorted by class, with indices that start at 0 in each class."""
    ids, rows = np.asarray(class_ids), np.asarray(rows)
    order = np.argsort(ids, kind="stable")
    ids = ids[order].astype(np.int64)
    vectors = (make_unit(rows) if unit else rows).astype(dtype)
    indices = np.arange(len(ids)) - np.searchsorted(ids, ids)
    return Embeddings(ids, indices, vectors[order], np.ones(len(ids), dtype=np.float32))


@pytest.fixture
def classes_csv(tmp_path):
    """Write a class table of three classes."""
    path = tmp_path / "classes.csv"
    path.write_text(
        'class_id,key,name,lemmas\n0,n01,crane,crane\n1,n02,jay,"jay, bird"\n2,n03,nail,nail\n', encoding="utf-8"
    )
    return path


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """A tiny study, in whose folder commands run."""
    from pets_study import PetsStudy

    monkeypatch.chdir(tmp_path)
    return PetsStudy(tmp_path)


def draw_picture(seed, size=64):
    """Make an RGB picture with structure at all scales, as photographs have."""
    from PIL import Image

    generator = np.random.default_rng(seed)
    layers = []
    for side in (3, 6, 12, 24):
        coarse = Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8))
        layers.append(np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=float))
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def compress_picture(image):
    """Return a picture as it is after JPEG compression of quality 50."""
    from PIL import Image

    data = io.BytesIO()
    image.save(data, "JPEG", quality=50)
    return Image.open(data).convert("RGB")


def make_image_set(folder, name, *, classes=3, train=8, evaluation=4, size=32, seed=0):
    """Write blocks and an index of noisy images whose mean colour shows their class; return the index's path."""
    from PIL import Image

    from synthdiv.images.archive import read_block, write_block
    from synthdiv.images.index import write_index

    generator = np.random.default_rng(seed)
    rows = []
    for class_id in range(classes):
        for split, count in (("train", train), ("evaluation", evaluation)):
            members = []
            for n in range(count):
                colour = np.eye(3)[class_id % 3] * 80 + 80
                pixels = generator.normal(colour, 40, size=(size, size, 3)).clip(0, 255).astype(np.uint8)
                data = io.BytesIO()
                Image.fromarray(pixels).save(data, "PNG")
                members.append((f"k{class_id}-{split}-{n:06d}", "png", data.getvalue(), {"index": n}))
            path = folder / "archive" / f"{name}-{class_id}-{split}.tar"
            write_block(path, members)
            rows += [
                {"class_id": class_id, "split": split, "index": n, "prompt": None, "seed": None, "file": stored.file}
                | {"offset": stored.offset, "size": stored.size, "digest": stored.digest, "flags": []}
                for n, stored in enumerate(read_block(path))
            ]
    index = folder / f"{name}.parquet"
    write_index(index, rows, {"set": name})
    return index


def make_recipe(**changes):
    """Make a classifier's recipe with all defaults: a tiny residual network without batch normalisation."""
    from synthdiv.config.training import Recipe

    tiny = {"channels": [8, 8, 8, 16], "stem_width": 8, "norm_layer": "groupnorm1"}
    recipe = {"model": "test_resnet", "model_options": tiny, "image_size": 32, "crop_pct": 1.0, "steps": 12, "batch_size": 8}
    if "epochs" in changes:
        del recipe["steps"]
    recipe |= {"optimizer": {"opt": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0001}}
    return Recipe.model_validate(recipe | changes).to_dict()


def make_timm_folder(folder):
    """Write a timm model folder with random weights, for tests that need no trained model."""
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=10)
    timm.models.save_for_hf(model, folder, model_config={"num_classes": 10}, safe_serialization=True)


def make_tiny_vae(**options):
    """Make an autoencoder for images of 16 x 16 pixels, with random weights."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
        mid_block_add_attention=False,
        **options,
    )


def make_tiny_unet(**options):
    """Make a U-Net with cross-attention to prompts and random weights."""
    from diffusers import UNet2DConditionModel

    defaults = {
        "sample_size": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**defaults | options)


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory):
    """Write a Stable Diffusion pipeline with random weights, smaller than the demo's, for tests that need no real image."""
    import torch
    from diffusers import PNDMScheduler, StableDiffusionPipeline
    from transformers import CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    demo = DEMO / "models" / "stable-diffusion"
    text_encoder = CLIPTextModel.from_pretrained(demo, subfolder="text_encoder", variant="fp16").float()
    pipeline = StableDiffusionPipeline(
        vae=make_tiny_vae(),
        text_encoder=text_encoder,
        tokenizer=CLIPTokenizer.from_pretrained(demo, subfolder="tokenizer"),
        unet=make_tiny_unet(cross_attention_dim=text_encoder.config.hidden_size),
        scheduler=PNDMScheduler.from_pretrained(demo, subfolder="scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    pipeline.save_pretrained(folder)
    return folder


def make_spec(model, **changes):
    """Make an entry of `generators` with all defaults, for a pipeline of 16 x 16 pixels."""
    from synthdiv.config.generation import Generator

    spec = {"model": str(model), "dtype": "float32", "steps": 2, "width": 16, "height": 16, "batch_size": 4} | changes
    return Generator.model_validate(spec).to_dict()


def make_checker(folder, limit):
    """Write a safety checker with random weights, which flags an image whose similarity to a concept reaches the limit."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    torch.manual_seed(0)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(limit)
    checker.special_care_embeds_weights.data.fill_(limit)
    checker.save_pretrained(folder)
    CLIPImageProcessor(size=32, crop_size=32).save_pretrained(folder)


@pytest.fixture
def workplace(tmp_path):
    """Return a function that makes a :class:`Workplace` from a config."""
    return lambda config: Workplace.make(tmp_path, config)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """Run the small study once per session, for tests that do not change it."""
    import small_study

    def make(folder):
        # twice as many jobs as cores: they mostly wait for imports and for models to load
        small_study.make_full_place(folder).run("--cores", str(2 * os.cpu_count()))

    return Workplace.reopen(make_once(tmp_path_factory, "small_study", make))


@pytest.fixture
def finished(finished_study, monkeypatch):
    """Return the finished small study and change to its folder: an index names files relative to it."""
    monkeypatch.chdir(finished_study.folder)
    return finished_study


@pytest.fixture
def place(finished_study, tmp_path, monkeypatch):
    """Return a copy of the finished small study and change to its folder, for tests that edit the study."""
    place = finished_study.copy_to(tmp_path / "place")
    monkeypatch.chdir(place.folder)
    return place
