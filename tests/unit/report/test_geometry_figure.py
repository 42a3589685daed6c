"""The figure of the geometry: its principal plane, and the classes that it shows."""

import numpy as np
import pytest
from conftest import make_embeddings

from synthdiv.report.figures.geometry import choose_classes, find_axes


def test_the_axes_are_the_principal_directions():
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    rows = rng.normal(size=(500, 6)) * [9, 5, 1, 0.1, 0.1, 0.1] @ turned + 100
    for normal, found in ((None, (0, 1)), (turned[0], (1, 2))):
        axes = find_axes(rows, normal=normal)
        assert abs(np.sum(axes * turned[list(found)], axis=1)) == pytest.approx([1, 1], abs=0.02)
        assert (axes[np.arange(2), np.abs(axes).argmax(axis=1)] > 0).all()
    expected = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:2]
    assert abs(np.sum(find_axes(rows) * expected, axis=1)) == pytest.approx([1, 1], abs=1e-9)


def test_the_chosen_classes_are_different_ones():
    rng = np.random.default_rng(1)
    ids, prompts = np.repeat(np.arange(4), 50), np.eye(8)[:4]
    vectors = prompts[[0, 1, 2, 0]][ids] + rng.normal(size=(200, 8)) * np.array([0.3, 0.02, 0.1, 0.1])[ids, None]
    assert choose_classes(make_embeddings(ids, vectors), prompts) == [0, 1, 3]
    assert choose_classes(make_embeddings(ids[:50], vectors[:50]), prompts[:1]) == [0]
