"""Authenticity against closed forms, and against the definition with plain distances."""

import numpy as np
import pytest
from conftest import make_embeddings, make_unit

from synthdiv.metrics.authenticity import find_authentic
from synthdiv.metrics.neighbours import find_nearest


def place(*degrees):
    """Unit vectors of the plane, as embeddings of one class in this order."""
    angles = np.radians(degrees)
    return make_embeddings([0] * len(angles), np.stack([np.cos(angles), np.sin(angles)], axis=1))


def measure(queries, references):
    return find_authentic(find_nearest(queries, [references], 1), [references])


def test_an_image_is_authentic_if_it_is_farther_from_a_reference_than_other_references_are():
    references = place(0, 10, 90)
    queries = place(3, 4.9, 11, 19, 21, 60, 169, 171)
    # the spacing is 10 degrees at 0 and 10, and 80 degrees at 90
    assert measure(queries, references).tolist() == [False, False, False, False, True, False, False, True]


def test_copies_are_not_authentic():
    references = place(0, 10, 25, 50)
    assert not measure(references, references).any()


def test_a_single_reference_has_no_spacing():
    assert not measure(place(10, 20), place(0)).any()


def test_a_reference_that_is_there_twice_has_no_spacing():
    assert measure(place(0, 1), place(0, 0, 50)).tolist() == [False, True]


@pytest.mark.parametrize("seed", range(3))
def test_it_matches_the_definition_with_all_euclidean_distances(seed):
    rng = np.random.default_rng(seed)
    real, fake = make_unit(rng.normal(size=(60, 6))), make_unit(rng.normal(size=(80, 6)))
    between = np.linalg.norm(fake[:, None] - real[None], axis=2)
    within = np.linalg.norm(real[:, None] - real[None], axis=2) + np.diag(np.full(60, np.inf))
    expected = between.min(axis=1) > within.min(axis=1)[between.argmin(axis=1)]
    found = measure(make_embeddings([0] * 80, fake), make_embeddings([0] * 60, real))
    assert found.tolist() == expected.tolist()
    assert 0 < found.mean() < 1
