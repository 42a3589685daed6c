"""Thumbnails: their vectors, their table, and crops."""

import io
import itertools

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import compress_picture, draw_picture, make_image_set
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import digest_bytes, read_bytes
from synthdiv.images.crops import LARGE, MIN_DEVIATION, SIDES, WHOLE, match_crops
from synthdiv.images.index import read_index
from synthdiv.images.thumbnails import SIDE, read_thumbnails, shrink_image, standardise, write_thumbnails


def correlate(first, second):
    return float((standardise(shrink_image(first)[None]) * standardise(shrink_image(second)[None])).sum())


def test_a_pixel_of_a_thumbnail_is_the_mean_of_its_area():
    pixels = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3) // 2
    means = pixels.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrink_image(Image.fromarray(pixels)) - means).max() <= 0.5


def test_vectors_have_unit_length_and_no_mean():
    vectors = standardise(np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3)))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(vectors.reshape(5, -1, 3).sum(axis=1), 0, atol=1e-5)


def test_the_correlation_does_not_change_with_brightness_contrast_or_tint():
    image = shrink_image(draw_picture(0)).astype(float)
    changed = 0.5 * image + np.array([3.0, 20.0, 40.0])
    assert (standardise(image[None]) * standardise(changed[None])).sum() == pytest.approx(1, abs=1e-6)


def test_the_correlation_changes_little_with_compression_and_much_between_pictures():
    assert correlate(draw_picture(0), compress_picture(draw_picture(0))) > 0.95
    assert abs(correlate(draw_picture(0), draw_picture(1))) < 0.6


def test_a_constant_image_has_no_structure():
    assert not standardise(np.full((1, SIDE, SIDE, 3), 7)).any()


def test_thumbnails_are_read_as_they_were_written(tmp_path):
    index = read_index(make_image_set(tmp_path, "A"))
    write_thumbnails(tmp_path / "a.parquet", index, threads=2)
    found = read_thumbnails(tmp_path / "a.parquet", "evaluation")
    assert found.rows.select("class_id", "index").rows() == [(c, n) for c in range(3) for n in range(4)]
    for row, pixels in zip(found.rows.iter_rows(named=True), found.pixels, strict=True):
        data = read_bytes(row["file"], row["offset"], row["size"])
        assert row["digest"] == digest_bytes(data)
        assert np.array_equal(pixels, shrink_image(Image.open(io.BytesIO(data))))
    assert len(read_thumbnails(tmp_path / "a.parquet", "train")) == 24


def test_uniform_images_are_left_out(tmp_path):
    write_thumbnails(tmp_path / "a.parquet", read_index(make_image_set(tmp_path, "A")), threads=1)
    found = read_thumbnails(tmp_path / "a.parquet", "train")
    found.pixels[3] = 200
    assert found.list_textured().tolist() == [n for n in range(24) if n != 3]


def test_a_damaged_table_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    with pytest.raises(StudyError, match="is damaged"):
        read_thumbnails(tmp_path / "a.parquet", "train")


def test_a_table_that_lost_rows_is_refused(tmp_path):
    write_thumbnails(tmp_path / "a.parquet", read_index(make_image_set(tmp_path, "A")), threads=1)
    pq.write_table(pq.read_table(tmp_path / "a.parquet").slice(1), tmp_path / "a.parquet")
    with pytest.raises(StudyError, match="35 rows are left"):
        read_thumbnails(tmp_path / "a.parquet", "train")


@pytest.mark.parametrize("share", [0.9, 0.8, 0.7])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_matches_its_image_in_either_order(share, mirrored):
    image = draw_picture(2)
    side = round(image.width * share)
    crop = image.crop((5, 2, 5 + side, 2 + side)).resize(image.size)
    crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else crop
    found = match_crops([crop, image, crop], [image, crop, draw_picture(3)])
    assert found[0] > 0.93
    assert found[0] == found[1]
    assert found[2] < 0.85
    assert match_crops([crop], [image]) == pytest.approx(found[:1], abs=1e-6)


def test_a_match_is_at_most_1_also_for_constant_images():
    flat = Image.new("RGB", (40, 40), "white")
    same, different = match_crops([flat, flat], [flat, draw_picture(0)])
    assert same == 0
    assert different <= 1


def test_a_crop_matches_as_well_as_at_the_best_place():
    """The correlation at every side and place, one by one."""
    image, other = draw_picture(4), draw_picture(5)
    crop = image.crop((9, 4, 56, 51))
    (found,) = match_crops([crop], [other])
    (planted,) = match_crops([crop], [image])
    assert found == pytest.approx(correlate_every_place(crop, other), abs=1e-5)
    assert planted == pytest.approx(correlate_every_place(crop, image), abs=1e-5)


def correlate_every_place(first, second):
    best = -1.0
    large = [image.resize((LARGE, LARGE), Image.Resampling.BOX) for image in (first, second)]
    for crop, whole in (large, large[::-1]):
        area = np.asarray(whole.resize((WHOLE, WHOLE), Image.Resampling.BOX), dtype=float)
        for side in SIDES:
            part = np.asarray(crop.resize((side, side), Image.Resampling.BOX), dtype=float)
            for template in (part, part[:, ::-1]):
                wanted = template - template.mean(axis=(0, 1))
                for top, left in itertools.product(range(WHOLE - side + 1), repeat=2):
                    place = area[top : top + side, left : left + side]
                    place = place - place.mean(axis=(0, 1))
                    lengths = np.linalg.norm(wanted) * max(np.linalg.norm(place), MIN_DEVIATION * side)
                    best = max(best, (wanted * place).sum() / lengths)
    return best
