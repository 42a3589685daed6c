"""Duplicates: planted in small synthetic sets, counted, and left out of accuracies."""

import numpy as np
import polars as pl
import pytest
from conftest import compress_picture, draw_picture, make_unit
from PIL import Image

from synthdiv.analysis.duplicates import KINDS, ImageSplit, Limits, find_duplicates, find_limits, raise_limits
from synthdiv.analysis.leakage import compare_splits, read_split, score_without_leaks
from synthdiv.analysis.similar_images import Vectors, find_similar, match_digests
from synthdiv.embeddings.table import Embeddings, write_embeddings
from synthdiv.images.archive import digest_bytes
from synthdiv.images.thumbnails import Thumbnails, shrink_image, standardise
from synthdiv.jobs.metrics import ComparedSplits
from synthdiv.report.figures.images import choose_similar

SIZE = 64
CLASSES = 4


def mirror(image):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def add_noise(image):
    noise = np.random.default_rng(0).normal(0, 2.55, (SIZE, SIZE, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).round().astype(np.uint8))


def crop(image):
    side = round(0.8 * SIZE)
    return image.crop((7, 3, 7 + side, 3 + side)).resize((SIZE, SIZE))


def make_split(folder, images, vectors=None):
    """Write images as files, of four classes in turn; vectors stand for the embeddings."""
    folder.mkdir(exist_ok=True)
    rows = []
    for n, image in enumerate(images):
        path = folder / f"{n}.png"
        image.save(path)
        data = path.read_bytes()
        rows.append({"class_id": n * CLASSES // len(images), "index": n, "file": str(path), "offset": 0, "size": len(data)})
        rows[-1]["digest"] = digest_bytes(data)
    numbers = np.arange(len(images))
    embeddings = None
    if vectors is not None:
        block = Embeddings(np.zeros_like(numbers), numbers, np.asarray(vectors, float), np.ones(len(images)))
        embeddings = Vectors(lambda: iter([block]))
    return ImageSplit(Thumbnails(pl.DataFrame(rows), np.stack([shrink_image(image) for image in images])), embeddings)


def find(images, others, limits, *, same=False):
    near = None
    if images.embeddings is not None:
        near = find_similar(len(images.thumbnails), images.embeddings, others.embeddings, same=same)
    return find_duplicates(images, others, near, limits, same=same)


@pytest.fixture(scope="module")
def natural(tmp_path_factory):
    """Return 80 different pictures with random embeddings."""
    vectors = np.random.default_rng(1).normal(size=(80, 32))
    return make_split(tmp_path_factory.mktemp("natural"), [draw_picture(seed) for seed in range(80)], vectors)


@pytest.fixture(scope="module")
def limits(natural):
    return find_limits(natural)


def test_different_pictures_are_below_the_limits(natural, limits):
    assert limits.correlation == limits.crop_correlation == 0.9  # these pictures have less in common than photographs
    assert 0.4 < limits.cosine < 0.9
    found = find(natural, natural, limits, same=True)
    assert set(found["kind"]) == {"nearest"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [(lambda image: image, "exact"), (mirror, "near"), (compress_picture, "near"), (add_noise, "near"), (crop, "crop")],
)
def test_planted_duplicates_are_found_with_their_partners(tmp_path, natural, limits, change, kind):
    planted = [3, 20, 41, 62, 79]
    vectors = next(iter(natural.embeddings)).vectors[planted]
    new = np.random.default_rng(2).normal(size=(7, 32))
    images = [change(draw_picture(seed)) for seed in planted] + [draw_picture(seed) for seed in range(100, 107)]
    found = find(make_split(tmp_path, images, np.concatenate([vectors + 0.05, new])), natural, limits)
    duplicates = found.filter(pl.col("kind") != "nearest")
    assert duplicates.select("number", "other", "kind").rows() == [(n, other, kind) for n, other in enumerate(planted)]
    assert (duplicates["correlation"] > 0.9).all()
    assert found["kind"].to_list().count("nearest") == 7  # the rest, for a person to look at


def test_without_embeddings_crops_are_not_searched(tmp_path, natural, limits):
    images = make_split(tmp_path, [crop(draw_picture(3)), compress_picture(draw_picture(4))])
    found = find(images, ImageSplit(natural.thumbnails, None), limits)
    assert found["kind"].to_list() == ["nearest", "near"]


def test_images_that_a_split_has_twice(tmp_path, limits):
    pictures = [draw_picture(seed) for seed in range(200, 216)]
    found = find(*[make_split(tmp_path, [*pictures, pictures[2], mirror(pictures[5])])] * 2, limits, same=True)
    assert found.filter(pl.col("kind") != "nearest").select("number", "other", "kind").rows() == [
        (2, 16, "exact"),
        (5, 17, "near"),
        (16, 2, "exact"),
        (17, 5, "near"),
    ]


def test_a_uniform_image_is_only_found_by_its_file(tmp_path, limits):
    white = [Image.new("RGB", (SIZE, SIZE), colour) for colour in ("white", "black")]
    images = make_split(tmp_path, [white[0], draw_picture(300), draw_picture(301), draw_picture(302)])
    other = make_split(tmp_path / "other", white)
    assert find(images, other, limits).filter(pl.col("kind") != "nearest").rows() == [(0, 0, "exact", 1.0)]


def test_a_single_class_sets_no_limits(tmp_path):
    images = make_split(tmp_path, [draw_picture(seed) for seed in range(8)])
    images.thumbnails.rows.replace_column(0, pl.Series("class_id", [0] * 8))
    assert find_limits(images) == Limits(1.0, 1.0, 1.0)


def test_the_first_equal_digest_counts_but_not_the_image_itself():
    digests = pl.Series([b"a", b"b", b"a", b"c"])
    assert match_digests(digests, digests, same=True).tolist() == [2, -1, 0, -1]
    assert match_digests(digests, pl.Series([b"c", b"a", b"a"]), same=False).tolist() == [1, -1, 1, 0]
    assert match_digests(digests, digests.clear(), same=False).tolist() == [-1] * 4


def test_the_same_images_to_train_and_to_evaluate_are_all_counted(natural, limits):
    one = ComparedSplits(set="N", split="evaluation", other_set="N", other_split="train")
    copy = ImageSplit(natural.thumbnails, natural.embeddings)
    counts, pairs = compare_splits(one, copy, natural, limits, measure_authenticity=True)
    row = counts.row(0, named=True)
    assert (row["n_images"], row["n_exact"], row["n_near"], row["duplicate_share"]) == (80, 80, 0, 1.0)
    assert row["authenticity"] == 0
    assert pairs["index"].to_list() == pairs["other_index"].to_list() == list(range(80))
    assert pairs["cosine"].to_list() == pytest.approx([1.0] * 80)
    assert pairs["file"].to_list() == pairs["other_file"].to_list()


def test_copies_of_images_that_are_there_twice_are_not_authentic(natural, limits):
    block = next(iter(natural.embeddings))[np.repeat(np.arange(40), 2)]
    twice = Vectors(lambda: iter([Embeddings(block.class_ids, np.arange(80), block.vectors, block.lengths)]))
    images = ImageSplit(natural.thumbnails, twice)
    one = ComparedSplits(set="G", split="train", other_set="N", other_split="train")
    counts, _ = compare_splits(one, images, ImageSplit(*vars(images).values()), limits, measure_authenticity=True)
    assert counts["authenticity"].to_list() == [0]


def test_an_empty_split_has_no_duplicates(natural, limits):
    empty = ImageSplit(Thumbnails(natural.thumbnails.rows.clear(), natural.thumbnails.pixels[:0]), None)
    one = ComparedSplits(set="N", split="evaluation", other_set="N", other_split="train")
    for images, others in ((empty, natural), (natural, empty)):
        counts, pairs = compare_splits(one, images, others, limits, measure_authenticity=True)
        assert counts["n_duplicates"].to_list() == [0]
        assert not len(pairs)


def test_equal_vectors_of_images_without_files_are_exact_duplicates(tmp_path):
    vectors = make_unit(np.random.default_rng(0).normal(size=(10, 8)))
    vectors[6] = vectors[4]
    class_ids, indices, splits = [0, 0, 1, 1, 2] * 2, [0, 1, 0, 1, 0] * 2, ["train"] * 5 + ["evaluation"] * 5
    write_embeddings(tmp_path / "user.parquet", class_ids, splits, indices, vectors, np.ones(10), {})
    train, evaluation = (read_split(None, tmp_path / "user.parquet", split) for split in ("train", "evaluation"))
    one = ComparedSplits(set="U", split="evaluation", other_set="U", other_split="train")
    counts, pairs = compare_splits(one, evaluation, train, Limits(), measure_authenticity=False)
    assert counts.select("n_images", "n_others", "n_exact", "n_duplicates", "correlation_limit").row(0) == (5, 5, 1, 1, None)
    assert pairs.select("class_id", "index", "other_class_id", "other_index", "kind").rows() == [(0, 1, 2, 0, "exact")]
    assert pairs["file"].null_count() == pairs["other_file"].null_count() == 1
    assert choose_similar(pairs) == []


def test_accuracies_with_and_without_leaked_images():
    predictions = pl.DataFrame(
        {
            "seed": [1, 1, 1, 1, 2, 2, 2, 2],
            "evaluation_set": ["N"] * 8,
            "class_id": pl.Series([0, 0, 1, 1] * 2, dtype=pl.Int32),
            "index": pl.Series([0, 1, 0, 1] * 2, dtype=pl.Int32),
            "correct_top1": [True, False, True, True, True, True, False, True],
        }
    )
    head = {"set": "N", "split": "evaluation", "other_split": "train"}
    pairs = pl.DataFrame(
        [
            {**head, "other_set": "A", "kind": "exact", "class_id": 0, "index": 0},
            {**head, "other_set": "A", "kind": "nearest", "class_id": 0, "index": 1},
            {**head, "other_set": "B", "kind": "near", "class_id": 1, "index": 1},
            {**head, "other_set": "C", "kind": "near", "class_id": 1, "index": 0},
            {**head, "set": "M", "other_set": "A", "kind": "near", "class_id": 1, "index": 0},
        ],
        schema_overrides={"class_id": pl.Int32, "index": pl.Int32},
    )
    (row,) = score_without_leaks(predictions, pairs, ["A", "B"]).rows(named=True)
    assert (row["n_seeds"], row["n_evaluation"], row["n_leaked"]) == (2, 4, 2)
    assert (row["top1"], row["top1_without"]) == (6 / 8, 2 / 4)
    (row,) = score_without_leaks(predictions, pairs.with_columns(kind=pl.lit("exact")), ["A", "B", "C"]).rows(named=True)
    assert (row["n_leaked"], row["top1_without"]) == (4, None)
    assert set(KINDS) == {"exact", "near", "crop"}


@pytest.mark.gpu
def test_a_gpu_finds_the_same_duplicates(natural, limits):
    assert find_limits(natural, device="cuda") == limits
    one = ComparedSplits(set="N", split="train", other_set="N", other_split="train")
    pairs = [
        compare_splits(one, natural, natural, limits, measure_authenticity=False, device=name) for name in ("cpu", "cuda")
    ]
    assert pairs[0][0].equals(pairs[1][0])
    assert pairs[0][1].equals(pairs[1][1])


def test_a_set_of_one_style_has_limits_of_its_own(tmp_path, natural):
    """Different pictures on one frame, which most of their pixels show."""

    def draw(seed):
        framed = draw_picture(1000)
        framed.paste(draw_picture(seed, size=16), (24, 24))
        return framed

    styled = make_split(tmp_path / "styled", [draw(n) for n in range(80)])
    limits = find_limits(natural)
    raised = raise_limits(limits, styled)
    assert raised.correlation > limits.correlation
    assert set(find(styled, styled, limits, same=True)["kind"]) & {"near"}
    assert not set(find(styled, styled, raised, same=True)["kind"]) & {"near"}
    assert raise_limits(raised, natural).correlation == raised.correlation


def draw_blobs(count, rng):
    """Draw images of 32 x 32 pixels of little detail: one smooth blob on a plain ground, in any place, form and colours."""
    y, x = np.mgrid[:32, :32]
    for _ in range(count):
        (centre_y, centre_x), radii, turn = rng.normal(16, 2.5, 2), rng.uniform(4, 12, 2), rng.uniform(0, np.pi)
        along = ((x - centre_x) * np.cos(turn) + (y - centre_y) * np.sin(turn)) / radii[0]
        across = ((y - centre_y) * np.cos(turn) - (x - centre_x) * np.sin(turn)) / radii[1]
        inside = 1 / (1 + np.exp(3 * (along**2 + across**2 - 1)))
        ground, colour = rng.uniform(0, 255, (2, 3))
        values = ground + (colour - ground) * inside[..., None] + rng.normal(0, 2, (32, 32, 3))
        yield Image.fromarray(values.clip(0, 255).astype(np.uint8))


def test_different_images_of_little_detail_are_seldom_crops(tmp_path, natural):
    """By the limits of a varied set, most would be copies or crops of others; those of such images themselves are higher."""
    rng, splits = np.random.default_rng(0), []
    for name, count in (("train", 600), ("evaluation", 300)):
        images = list(draw_blobs(count, rng))
        vectors = standardise(np.stack([shrink_image(image, 8) for image in images]))
        splits.append(make_split(tmp_path / name, images, vectors))
    train, evaluation = splits
    limits = find_limits(natural)
    assert find(evaluation, train, limits)["kind"].to_list().count("crop") > 30
    raised = find(evaluation, train, raise_limits(limits, train))["kind"].to_list()
    assert raised.count("crop") + raised.count("near") <= 1
