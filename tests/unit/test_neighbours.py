"""Exact neighbours against scikit-learn, ties against an oracle of their own, and the vote."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from synthdiv.neighbours import find_nearest, vote


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def search(queries, references, classes, k, names=None):
    names = names or [f"r{n}" for n in range(len(references))]
    found = list(find_nearest(queries, [f"q{n}" for n in range(len(queries))], references, classes, names, k))
    return np.array([rows for rows, _ in found]), np.array([scores for _, scores in found])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dimensions", [3, 64])
def test_neighbours_are_scikit_learns(dtype, dimensions):
    rng = np.random.default_rng(dimensions)
    references = unit(rng.normal(size=(900, dimensions))).astype(dtype)
    queries = unit(rng.normal(size=(300, dimensions))).astype(dtype)
    rows, scores = search(queries, references, np.zeros(900, int), 5)
    oracle = NearestNeighbors(n_neighbors=6, metric="cosine", algorithm="brute")
    oracle.fit(references.astype(np.float64))
    distances, expected = oracle.kneighbors(queries.astype(np.float64))
    clear = (np.diff(distances, axis=1) > 1e-12).all(axis=1)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(rows[clear], expected[clear, :5])
    np.testing.assert_allclose(scores, 1 - distances[:, :5], atol=1e-12)


def test_k_is_at_most_the_references():
    rows, _ = search(unit(np.ones((2, 3))), unit(np.eye(3)), np.arange(3), 5)
    assert rows.shape == (2, 3)


def test_many_equal_references_are_ranked_the_same_in_any_order():
    rng = np.random.default_rng(0)
    distinct = unit(rng.normal(size=(40, 16)))
    references = np.repeat(distinct, 12, axis=0)
    classes = rng.integers(8, size=len(references))
    names = [f"name {n}" for n in range(len(references))]
    queries = np.concatenate([distinct[:20], unit(rng.normal(size=(50, 16)))])
    rows, _ = search(queries, references, classes, 5, names)
    shuffle = rng.permutation(len(references))
    again, _ = search(queries, references[shuffle], classes[shuffle], 5, [names[n] for n in shuffle])
    np.testing.assert_array_equal(rows, shuffle[again])


def test_ties_are_broken_at_random_over_queries():
    # two references of two classes in one place: over many queries each must win about half the time
    references = np.array([[1.0, 0.0], [1.0, 0.0]])
    queries = unit(np.random.default_rng(1).normal(size=(2000, 2)))
    rows, _ = search(queries, references, np.arange(2), 1)
    assert 0.45 < rows.mean() < 0.55


@pytest.mark.parametrize(
    ("nearest_first", "winner"),
    [([3], 3), ([1, 2, 2], 2), ([1, 2, 2, 1, 5], 1), ([2, 1, 1, 2, 5], 2), ([1, 2, 3, 4, 5], 1), ([1, 2, 3, 3, 3], 3)],
)
def test_vote(nearest_first, winner):
    assert vote(np.array(nearest_first)) == winner
