"""Test the encoders on the demo's CLIP model and on a small timm model."""

from functools import partial

import numpy as np
import open_clip
import pyarrow.parquet as pq
import pytest
import timm
import torch
from conftest import make_timm_folder
from workplace import DEMO

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.loading import load_encoder
from synthdiv.embeddings.open_clip_encoder import make_tokenizer
from synthdiv.images.archive import write_block
from synthdiv.images.flags import decode_image

SPEC = {
    "library": "open_clip",
    "model": str(DEMO / "models" / "clip"),
    "pretrained": None,
    "precision": "fp32",
    "batch_size": 16,
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(SPEC, CPU)


@pytest.fixture(scope="module")
def natural():
    table = pq.read_table(DEMO / "natural" / "fashion-evaluation.parquet")
    return table["image"].to_pylist()[::25], np.array(table["class_id"].to_pylist()[::25])


@pytest.fixture(scope="module")
def rows(tmp_path_factory, natural):
    from synthdiv.images.archive import read_block

    path = tmp_path_factory.mktemp("block") / "block.tar"
    write_block(path, [(f"{n:04d}", "png", data, {"n": n}) for n, data in enumerate(natural[0])])
    columns = zip(*((s.file, s.offset, s.size, s.digest, -1) for s in read_block(path)), strict=True)
    return dict(zip(("file", "offset", "size", "digest", "class_id"), columns, strict=True))


def take(rows, chosen):
    return {name: column[chosen] for name, column in rows.items()}


def test_image_embeddings_equal_those_of_open_clip(encoder, rows, natural):
    vectors = encoder.embed_images(rows, workers=0).vectors
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{SPEC['model']}")
    model.eval()
    with torch.inference_mode():
        batch = torch.stack([preprocess(decode_image(data)) for data in natural[0]])
        expected = model.encode_image(batch, normalize=True).numpy()
    assert vectors.dtype == np.float16
    assert vectors.shape == (40, 64)
    np.testing.assert_allclose(vectors, expected, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, atol=1e-3)


def test_preprocessing_is_bit_identical_to_the_librarys(encoder, natural):
    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{SPEC['model']}")
    images = [decode_image(data).resize((40 + n, 50)) for n, data in enumerate(natural[0])]
    ours = encoder.prepare(torch.stack([encoder.preprocess(image) for image in images]))
    np.testing.assert_array_equal(ours.numpy(), torch.stack([preprocess(image) for image in images]).numpy())


def test_an_embedding_depends_neither_on_other_images_nor_on_workers(encoder, rows):
    vectors = encoder.embed_images(rows, workers=0).vectors
    np.testing.assert_array_equal(encoder.embed_images(take(rows, slice(None, None, -1)), workers=2).vectors[::-1], vectors)
    np.testing.assert_array_equal(encoder.embed_images(take(rows, slice(7, 8)), workers=0).vectors[0], vectors[7])


def test_embedding_no_images_is_an_error(encoder, rows):
    with pytest.raises(StudyError, match=r"no image is left to embed: do all of them carry an excluded flag"):
        encoder.embed_images(take(rows, slice(0)), workers=0)


def test_each_distinct_prompt_is_encoded_once(encoder, monkeypatch):
    texts = ["bag", "coat", "bag", "bag"] * 10
    encoded = []
    tokenize = encoder.tokenize
    monkeypatch.setattr(encoder, "tokenize", lambda batch: encoded.extend(batch) or tokenize(batch))
    vectors, _ = encoder.embed_prompts(texts)
    assert encoded == ["bag", "coat"]
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_the_demos_clip_classifies_natural_images_zero_shot(encoder, rows, natural):
    """On natural images that it was not trained on; chance is 10 %."""
    names = ["t-shirt", "trousers, pants", "pullover, sweater", "dress, frock", "coat, overcoat"]
    names += ["sandal, open shoe", "buttoned shirt", "sneaker", "bag", "ankle boot, boot"]
    scores = (
        encoder.embed_images(rows, workers=0).vectors.astype(float) @ encoder.embed_prompts(names).vectors.astype(float).T
    )
    assert (scores.argmax(1) == natural[1]).mean() > 0.5


def test_encoder_and_generator_have_the_same_text_encoder(encoder):
    """As in Stable Diffusion v1.5, whose text encoder is CLIP's."""
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = DEMO / "models" / "stable-diffusion"
    model = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", variant="fp16").float().eval()
    tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
    texts = ["bag", "beautiful, very uncommon, extremely small trousers, pants, partially occluded. Hyper-sharp."]
    ids = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert torch.equal(ids, make_tokenizer(SPEC)(texts))
    with torch.inference_mode():
        theirs = model(ids).pooler_output @ encoder.model.text_projection
        ours = encoder.model.encode_text(ids)
    assert torch.allclose(theirs, ours, atol=1e-3 * ours.abs().max())


def test_timm_embeddings_equal_those_of_timm(rows, natural, tmp_path):
    make_timm_folder(tmp_path)
    spec = SPEC | {"library": "timm", "model": str(tmp_path)}
    vectors, lengths = load_encoder(spec, CPU).embed_images(rows, workers=0)
    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True, num_classes=0).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        expected = model(torch.stack([transform(decode_image(data)) for data in natural[0]])).numpy()
    np.testing.assert_allclose(vectors * lengths[:, None], expected, atol=2e-3 * np.abs(expected).max())
    np.testing.assert_allclose(lengths, np.linalg.norm(expected, axis=1), rtol=1e-5)
    assert len(np.unique(vectors, axis=0)) == 40


def test_a_timm_checkpoint_may_hold_its_classifier_and_nothing_else_that_does_not_fit(rows, tmp_path):
    """As timm's own training script writes it."""
    torch.manual_seed(1)
    weights = timm.create_model("test_resnet", num_classes=7).state_dict()
    embed = partial(load_encoder, device=CPU)
    spec = SPEC | {"library": "timm", "model": "test_resnet", "pretrained": str(tmp_path / "whole.pth")}
    torch.save({"state_dict": weights}, spec["pretrained"])
    found = embed(spec).embed_images(rows, workers=0)
    without = spec | {"pretrained": str(tmp_path / "without.pth")}
    torch.save({key: value for key, value in weights.items() if not key.startswith("fc.")}, without["pretrained"])
    assert np.array_equal(found.vectors, embed(without).embed_images(rows, workers=0).vectors)
    assert len(np.unique(found.vectors, axis=0)) == 40
    other = spec | {"pretrained": str(tmp_path / "other.pth")}
    torch.save({key.replace("layer4", "layer5"): value for key, value in weights.items()}, other["pretrained"])
    with pytest.raises(StudyError, match=r"could not be loaded by timm: .*(Missing|Unexpected) key\(s\) in state_dict"):
        embed(other)


def test_inception_and_dinov2_of_timm_are_built_without_their_classifier():
    """With random weights, since the published ones are not available here."""
    for name, width in (("inception_v3", 2048), ("vit_small_patch14_dinov2", 384)):
        model = timm.create_model(name, pretrained=False, num_classes=0)
        assert model.num_features == width


def test_a_missing_timm_model_is_an_error(tmp_path):
    with pytest.raises(StudyError, match="could not be loaded by timm"):
        load_encoder(SPEC | {"library": "timm", "model": str(tmp_path)}, CPU)


def test_openai_weights_require_their_activation_function():
    with pytest.raises(StudyError, match="use 'ViT-L-14-quickgelu'"):
        load_encoder(SPEC | {"model": "ViT-L-14", "pretrained": "openai"}, CPU)


def test_a_missing_open_clip_model_is_an_error(tmp_path):
    with pytest.raises(StudyError, match="could not be loaded"):
        load_encoder(SPEC | {"model": str(tmp_path)}, CPU)
