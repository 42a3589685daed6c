"""Test the detection of truncated and identical prompts, also with real tokenizers."""

import pytest
from workplace import DEMO

from synthdiv.embeddings import prompt_checks
from synthdiv.embeddings.prompt_checks import check_prompts, load_encoder_tokenizer, load_generator_tokenizer
from synthdiv.prompts.class_tables import read_classes
from synthdiv.prompts.datasets import Dataset


@pytest.fixture
def classes(classes_csv):
    return read_classes(classes_csv)


def tokenize_words(texts):
    """Tokenize texts: one token per word, between a start and an end token."""
    return [[-1, *(hash(word) for word in text.split()), -2] for text in texts]


def test_truncated_prompts_and_prompts_that_truncation_makes_identical_are_listed(classes):
    dataset = Dataset("d", classes, 0, ["a crane bird", "a crane bird that flies", "nail"], {"train": 1, "evaluation": 1})
    table = check_prompts(dataset, "clip", tokenize_words, token_limit=5)
    assert table.select("name", "problem", "n_tokens", "identical_to").rows() == [
        ("crane", "identical", 5, "jay"),
        ("jay", "truncated", 7, None),
        ("jay", "identical", 7, "crane"),
    ]


def test_prompts_that_fit_and_differ_are_not_listed(classes):
    dataset = Dataset("d", classes, 0, ["crane", "jay", "nail"], {"train": 1, "evaluation": 1})
    assert not len(check_prompts(dataset, "clip", tokenize_words, token_limit=5))


def test_per_image_prompts_are_named_with_split_and_index(classes):
    images = {(c, split, n): f"{c} {split} {n}" for c in range(3) for split in ("train", "evaluation") for n in range(2)}
    images[2, "train", 1] = "0 evaluation 1"
    dataset = Dataset("d", classes, 0, ["", "", ""], {"train": 2, "evaluation": 2}, images=images)
    table = check_prompts(dataset, "clip", tokenize_words, token_limit=9)
    assert table.select("class_id", "split", "index", "identical_to").rows() == [
        (0, "evaluation", 1, "nail (train 1)"),
        (2, "train", 1, "crane (evaluation 1)"),
    ]


def test_prompts_are_tokenized_in_batches_and_five_identical_ones_are_named(classes, monkeypatch):
    images = {(c, "train", n): "the same" for c in range(3) for n in range(4)}
    dataset = Dataset("d", classes, 0, ["", "", ""], {"train": 4}, images=images)
    whole = check_prompts(dataset, "clip", tokenize_words, token_limit=9)
    assert whole["identical_to"][0] == "crane (train 1); crane (train 2); crane (train 3); jay (train 0); jay (train 1)"
    batch_sizes = []

    def record(texts):
        batch_sizes.append(len(texts))
        return tokenize_words(texts)

    monkeypatch.setattr(prompt_checks, "PROMPTS_PER_BATCH", 5)
    assert check_prompts(dataset, "clip", record, token_limit=9).equals(whole)
    assert batch_sizes == [5, 5, 2]


def test_the_demos_tokenizers_keep_32_tokens_and_agree():
    generator = load_generator_tokenizer(DEMO / "models" / "stable-diffusion")
    encoder = load_encoder_tokenizer({"model": str(DEMO / "models" / "clip")})
    long = "bag " * 40
    for tokenize, limit in (generator, encoder):
        assert limit == 32
        (ids,) = tokenize([long])
        assert len(ids) == 42
    assert generator[0](["a coat, old"]) == encoder[0](["a coat, old"])


def test_open_clips_own_tokenizer():
    tokenize, limit = load_encoder_tokenizer({"model": "ViT-B-32"})
    assert limit == 77
    assert tokenize(["a photo"]) == [[49406, 320, 1125, 49407]]
