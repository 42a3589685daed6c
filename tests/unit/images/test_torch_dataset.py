"""Images as a torch dataset: kept images are decoded once, and what a transform does to one changes none."""

import numpy as np
import pytest
from conftest import make_image_set
from torch.utils.data import DataLoader

from synthdiv.images import torch_dataset
from synthdiv.images.index import locate_images, read_index
from synthdiv.images.torch_dataset import DecodedImages, ImageDataset


@pytest.fixture
def rows(tmp_path):
    return locate_images(read_index(make_image_set(tmp_path, "colours", train=10, size=16)))


@pytest.fixture
def decoded(monkeypatch):
    """Start with no images kept, and return the list of those that are decoded."""
    calls = []
    decode = torch_dataset.decode_image
    monkeypatch.setattr(torch_dataset, "_decoded", DecodedImages())
    monkeypatch.setattr(torch_dataset, "decode_image", lambda data: calls.append(data) or decode(data))
    return calls


def paint(image):
    """Return an image's pixels, and paint over it, as a careless transform might."""
    pixels = np.array(image)
    image.paste((0, 0, 0), (0, 0, *image.size))
    return pixels


def read_all(dataset, times=2):
    return [np.stack([dataset[n][0] for n in range(len(dataset))]) for _ in range(times)]


def test_kept_images_are_decoded_once_and_stay_as_they_are(rows, decoded):
    first, second = read_all(ImageDataset(rows, paint, keep=True))
    assert len(decoded) == len(rows["file"])
    (plain,) = read_all(ImageDataset(rows, paint), times=1)
    assert (first == plain).all()
    assert (second == plain).all()
    assert plain.std() > 0


def test_no_more_images_are_kept_than_fit(rows, decoded, monkeypatch):
    count = len(rows["file"])
    monkeypatch.setattr(torch_dataset, "KEPT_PIXELS", 3 * 16 * 16 + 5)
    read_all(ImageDataset(rows, paint, keep=True))
    assert len(decoded) == 2 * count - 3
    assert len(torch_dataset._decoded.images) == 3


def test_workers_share_the_limit(rows, decoded, monkeypatch):
    monkeypatch.setattr(torch_dataset, "KEPT_PIXELS", 6 * 16 * 16)

    def count_kept(image):
        return len(torch_dataset._decoded.images)

    dataset = ImageDataset(rows, count_kept, keep=True)
    counts = [int(kept) for kept, _ in DataLoader(dataset, batch_size=None, num_workers=2)]
    assert max(counts) == 3
