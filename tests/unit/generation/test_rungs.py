"""Test on the demo's Stable Diffusion that a ladder's images are what diffusers itself makes of natural images."""

import numpy as np
import pytest
import torch
from conftest import make_image_set, make_spec
from diffusers import AutoPipelineForImage2Image
from PIL import Image, ImageOps
from standin import make_config
from workplace import DEMO

from synthdiv.config.rungs import list_made_rungs
from synthdiv.core.devices import one_thread
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import derive_seed
from synthdiv.generation.generator import Generator, Start, fingerprint_generator
from synthdiv.generation.rungs import reconstruct_images, write_rung
from synthdiv.generation.shards import generate_shard
from synthdiv.images.archive import read_block
from synthdiv.images.index import load_image, read_index
from synthdiv.jobs.images import generate_images, generate_rung
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study

CPU = torch.device("cpu")
KEYS = ["n01", "n02", "n03"]
WORDS = ["bag", "coat", "very small dress"]
COUNT = 3
SIZE = {"width": 32, "height": 32}
SPEC = {"model": str(DEMO / "models" / "stable-diffusion"), "variant": "fp16", "steps": 4, "batch_size": 4, **SIZE}


@pytest.fixture(scope="module")
def generator():
    return Generator(make_spec(**SPEC), CPU)


@pytest.fixture(scope="module")
def fingerprint():
    return fingerprint_generator(make_spec(**SPEC))


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{key},{n},{word} {n}" for key, word in zip(KEYS, WORDS, strict=True) for n in range(COUNT)]
    (tmp_path / "captions.csv").write_text("\n".join(["key,index,caption", *lines]) + "\n")
    natural = {"kind": "image", "images": {"train": "train", "evaluation": "val"}, "images_per_class": {"train": COUNT}}
    recipe = {"model": "test_resnet", "epochs": 1}
    return make_config(tmp_path, classes_csv, images_per_class={"train": COUNT, "evaluation": 1}) | {
        "generators": {"gen": SPEC | {"dtype": "float32"}},
        "sets": {"Natural": natural, "Made": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5}},
        "classifiers": {"small": {"recipe": recipe, "train": ["Natural", "Made"], "evaluate": ["Natural"]}},
        "ladder": {"set": "Made", "captions": "captions.csv", "strengths": [0.5]},
    }


@pytest.fixture
def natural(tmp_path):
    return make_image_set(tmp_path, "natural", train=COUNT, evaluation=1)


@pytest.fixture
def make(config, natural, generator, fingerprint, tmp_path):
    """Return a function that makes a rung: the number of generated images, and all images by class and number."""

    def make(rung, *, load=lambda: generator, **changes):
        study, generated, images = load_study(config | changes), 0, {}
        indices = [natural] if list_made_rungs(study.config)[rung].needs_natural else []
        for shard in list_shards(study):
            job, path = generate_rung(study, rung, shard), tmp_path / "results" / rung / f"{shard}.parquet"
            counts = write_rung(job, study.config.classes, fingerprint, indices, path, load_generator=load)
            generated += counts.generated
            images |= {(row["class_id"], row["index"]): load_image(row) for row in read_index(path).to_pylist()}
        return generated, images

    return make


def refuse():
    raise AssertionError("no model should be loaded")


def list_natural(path):
    """Return the natural training images in the order of classes and numbers."""
    return [load_image(row) for row in read_index(path).to_pylist() if row["split"] == "train"]


def check_equal(found, expected):
    assert len(found) == len(expected) == len(KEYS) * COUNT
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def run_in_batches(call, *columns):
    """Call a function with batches of four, of which the last is filled up, and return its images."""
    images, count = [], len(columns[0])
    for start in range(0, count, 4):
        batch = [[values[min(n, count - 1)] for n in range(start, start + 4)] for values in columns]
        with torch.inference_mode(), one_thread():
            images += call(*batch)
    return images[:count]


def test_autoencoded_images_equal_diffusers_own_encoding_and_decoding(make, natural, generator):
    pipeline = generator.pipeline

    def reconstruct(images):
        latents = pipeline.vae.encode(pipeline.image_processor.preprocess(images)).latent_dist.mode()
        return pipeline.image_processor.postprocess(pipeline.vae.decode(latents).sample, output_type="pil")

    generated, images = make("ladder-vae")
    assert generated == len(KEYS) * COUNT
    check_equal(list(images.values()), run_in_batches(reconstruct, list_natural(natural)))
    assert not np.array_equal(images[0, 0], list_natural(natural)[0])


def test_changed_images_equal_diffusers_own_image_to_image_generation(make, natural, generator):
    pipeline = AutoPipelineForImage2Image.from_pipe(generator.pipeline)
    pipeline.set_progress_bar_config(disable=True)

    def change(images, prompts, seeds):
        own = [torch.Generator().manual_seed(seed) for seed in seeds]
        latents = pipeline.vae.encode(pipeline.image_processor.preprocess(images)).latent_dist.mode()
        options = {"strength": 0.5, "num_inference_steps": 4, "guidance_scale": 1.0}
        image = latents * pipeline.vae.config.scaling_factor
        return pipeline(prompt=prompts, image=image, generator=own, **options).images

    captions = [f"{word} {n}" for word in WORDS for n in range(COUNT)]
    seeds = [derive_seed(0, key, "train", n) for key in KEYS for n in range(COUNT)]
    _, images = make("ladder-strength0.5")
    check_equal(list(images.values()), run_in_batches(change, list_natural(natural), captions, seeds))


def test_an_autoencoder_that_overflows_in_half_precision_is_used_in_full_precision(tiny_pipeline):
    """The denoising model, and the decoding of what it generates, keep theirs."""
    half, full = (Generator(make_spec(tiny_pipeline, dtype=dtype), CPU) for dtype in ("float16", "float32"))
    assert half.pipeline.vae.config.force_upcast
    images = [Image.fromarray(np.full((16, 16, 3), 50 * n, dtype=np.uint8)) for n in range(3)]
    found, expected = (list(reconstruct_images(one, images)) for one in (half, full))
    for one, other in zip(found, expected, strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= 1  # its weights are rounded
    changed = list(half.generate_images(["bag"] * 3, [1, 2, 3], 1.0, Start(iter(images), 0.5)))
    assert [image.size for image in changed] == [(16, 16)] * 3
    assert half.pipeline.vae.dtype == torch.float16


def test_resized_images_are_cut_to_the_shape_of_generated_ones_without_a_model(make, natural):
    _, images = make("ladder-resized", load=refuse)
    check_equal(list(images.values()), list_natural(natural))
    _, images = make("ladder-resized", load=refuse, generators={"gen": SPEC | {"width": 16, "dtype": "float32"}})
    cut = [ImageOps.fit(image, (16, 32), Image.Resampling.LANCZOS) for image in list_natural(natural)]
    check_equal(list(images.values()), cut)
    assert {image.size for image in images.values()} == {(16, 32)}


@pytest.mark.parametrize("rung", ["ladder-vae", "ladder-strength0.5", "ladder-captions", "ladder-prompts"])
def test_an_image_depends_on_no_other_one(make, rung, tmp_path):
    _, together = make(rung)
    generated, alone = make(rung, archive="elsewhere", classes_per_shard=1)
    assert generated == len(KEYS) * COUNT
    assert together.keys() == alone.keys()
    check_equal(list(together.values()), list(alone.values()))


def test_rungs_from_text_are_ordinary_images_of_their_prompts(make, config, generator, fingerprint, tmp_path):
    """A set with the same images, or a dataset of the captions, shares them in the archive."""
    _, images = make("ladder-prompts")
    changed = config | {"datasets": config["datasets"] | {"synset": {"builder": "lemmas", "guidance_scales": [1.0, 7.5]}}}
    study = load_study(changed)
    (shard,) = list_shards(study)
    job = generate_images(study, "synset", "1", shard)
    dataset, path = job.prompts.read(study.config.classes, job.images_per_class), tmp_path / "index.parquet"
    counts = generate_shard(job, dataset, fingerprint, path, load_generate=lambda: generator.generate_images)
    assert (counts.found, counts.generated) == (len(KEYS) * COUNT, len(KEYS))  # only the evaluation images are new
    check_equal(list_natural(path), list(images.values()))
    _, captioned = make("ladder-captions")
    seeds = [derive_seed(0, "n01", "train", n) for n in range(COUNT)]
    expected = list(generator.generate_images([f"bag {n}" for n in range(COUNT)], seeds, 1.0))
    assert all(np.array_equal(captioned[0, n], expected[n]) for n in range(COUNT))


def test_only_what_an_edit_changes_is_made_again(make, tmp_path):
    rungs = ["ladder-resized", "ladder-vae", "ladder-strength0.5", "ladder-captions", "ladder-prompts"]
    for rung in rungs:
        make(rung)
    assert [make(rung, load=refuse)[0] for rung in rungs] == [0] * 5
    path = tmp_path / "captions.csv"
    path.write_text(path.read_text().replace("coat 1", "overcoat"))
    assert [make(rung)[0] for rung in rungs] == [0, 0, COUNT, COUNT, 0]  # the block of the class
    assert make("ladder-strength0.75", ladder={"set": "Made", "captions": "captions.csv", "strengths": [0.75]})[0] > 0


def test_stored_images_say_what_they_are_made_from(make, natural, tmp_path):
    make("ladder-strength0.5")
    (path,) = (tmp_path / "results").rglob("*.parquet")
    sources = {row["digest"].hex() for row in read_index(natural).to_pylist() if row["split"] == "train"}
    stored = [one.metadata for block in {row["file"] for row in read_index(path).to_pylist()} for one in read_block(block)]
    assert {one["source"] for one in stored} == sources
    assert {(one["strength"], one["guidance_scale"]) for one in stored} == {(0.5, 1.0)}
    assert "bag 0" in {one["prompt"] for one in stored}


def test_too_few_natural_images_and_missing_captions_are_refused(make, config, tmp_path, natural):
    path = tmp_path / "captions.csv"
    path.write_text(path.read_text().replace("n02,1,", "n02,7,"))
    with pytest.raises(StudyError, match="have none for class_id 1, image 1, whose index is '1'"):
        make("ladder-captions")
    more = config["sets"]["Natural"] | {"images_per_class": {"train": 5}}
    changes = {"images_per_class": {"train": 5, "evaluation": 1}, "sets": config["sets"] | {"Natural": more}}
    with pytest.raises(StudyError, match="starts at 3 natural images of the class 'n01', and its other end has 5"):
        make("ladder-vae", ladder={"set": "Made"}, **changes)
