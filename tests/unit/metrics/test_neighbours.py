"""Exact neighbours against scikit-learn, faiss and brute force, ties against a separate oracle, and the vote."""

import faiss
import numpy as np
import pytest
import torch
from conftest import make_embeddings, make_unit
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from synthdiv.metrics import neighbours
from synthdiv.metrics.neighbours import find_nearest, multiply_rows, vote

ENGINES = ["numpy", "torch"]


def split(embeddings, size):
    return [embeddings[start : start + size] for start in range(0, len(embeddings), size)]


def find(queries, references, k, *, block=200, **options):
    return find_nearest(queries, split(references, block), k, **options)


def assert_same(first, second):
    np.testing.assert_array_equal(first.class_ids, second.class_ids)
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.cosines, second.cosines)


def splitmix(number):
    """Steele, Lea and Flood's finaliser, in Python's integers."""
    mask = (1 << 64) - 1
    number = (number + 0x9E3779B97F4A7C15) & mask
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & mask
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & mask
    return number ^ number >> 31


def brute_force(queries, references, k):
    """Rank all references in the total order, in exact arithmetic if the stored values are fp16."""
    wide = references.vectors.astype(np.float64)
    lengths = np.sqrt(multiply_rows(wide, wide))
    found = []
    mask = (1 << 64) - 1
    for row, q, i in zip(
        queries.vectors.astype(np.float64), queries.class_ids.tolist(), queries.indices.tolist(), strict=True
    ):
        key = splitmix((splitmix(q) + i) & mask)
        scores = multiply_rows(np.broadcast_to(row, wide.shape), wide) / lengths

        def rank(n, key=key, scores=scores):
            of_class = splitmix(int(references.class_ids[n]))
            of_row = splitmix((of_class + int(references.indices[n])) & mask)
            return -scores[n], splitmix(key ^ of_class), splitmix(key ^ of_row)

        near = np.flatnonzero(scores >= np.sort(scores)[-min(k, len(scores))])
        best = sorted(near.tolist(), key=rank)[:k]
        found.append([(int(references.class_ids[n]), int(references.indices[n])) for n in best])
    return found


def pairs(neighbours):
    return [
        list(zip(classes, rows, strict=True))
        for classes, rows in zip(neighbours.class_ids.tolist(), neighbours.indices.tolist(), strict=True)
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("dimensions", [3, 65])
def test_neighbours_match_scikit_learn(dtype, dimensions, engine):
    rng = np.random.default_rng(dimensions)
    references = make_embeddings(np.zeros(900, int), rng.normal(size=(900, dimensions)), dtype)
    queries = make_embeddings(np.zeros(300, int), rng.normal(size=(300, dimensions)), dtype)
    found = find(queries, references, 5, engine=engine)
    oracle = NearestNeighbors(n_neighbors=6, metric="cosine", algorithm="brute")
    oracle.fit(references.vectors.astype(np.float64))
    distances, expected = oracle.kneighbors(queries.vectors.astype(np.float64))
    clear = (np.diff(distances, axis=1) > 1e-12).all(axis=1)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.indices[clear], expected[clear, :5])
    np.testing.assert_allclose(found.cosines, 1 - distances[:, :5], atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_neighbours_match_faiss(engine):
    rng = np.random.default_rng(4)
    # small integers times a power of two: every product is exact in fp32, so faiss is an exact oracle too
    rows = rng.integers(-3, 4, size=(4000, 32)) / 8
    references = make_embeddings(np.zeros(4000, int), rows, np.float16, unit=False)
    queries = references[rng.permutation(4000)[:200]]
    squares = (rows**2).sum(axis=1)
    keep = np.flatnonzero(
        squares == np.bincount((squares * 64).astype(int)).argmax() / 64
    )  # of one length: cosine is the product
    references = references[keep]
    found = find(queries, references, 5, engine=engine)
    scores, _ = faiss.knn(
        queries.vectors.astype(np.float32), references.vectors.astype(np.float32), 5, metric=faiss.METRIC_INNER_PRODUCT
    )
    lengths = np.linalg.norm(queries.vectors.astype(np.float64), axis=1) * np.sqrt(squares[keep[0]])
    np.testing.assert_allclose(found.cosines, scores / lengths[:, None], rtol=1e-14)


def make_near_ties(rng, dtype):
    """Make clusters of equal rows, rows one rounding step apart, and everything far from the origin, as in CLIP."""
    base = rng.normal(size=24) * 3
    distinct = make_unit(base + rng.normal(size=(60, 24)))
    rows = np.repeat(distinct, 40, axis=0).astype(dtype)
    step = rng.random(len(rows)) < 0.3
    column = rng.integers(24, size=len(rows))
    rows[step, column[step]] = np.nextafter(rows[step, column[step]], dtype(2))
    classes = rng.integers(7, size=len(rows))
    references = make_embeddings(classes, rows, dtype, unit=False)
    queries = make_embeddings(
        rng.integers(7, size=150), np.concatenate([distinct, make_unit(base + rng.normal(size=(90, 24)))]), dtype
    )
    return references, queries


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("k", [1, 5, 50])
def test_thousands_of_ties_are_ranked_as_by_brute_force(engine, dtype, k):
    references, queries = make_near_ties(np.random.default_rng(k), dtype)
    found = find(queries, references, k, block=333, engine=engine, center=references.vectors.astype(np.float64).mean(axis=0))
    assert pairs(found) == brute_force(queries, references, k)


def test_the_result_depends_on_the_set_alone():
    rng = np.random.default_rng(9)
    references, queries = make_near_ties(rng, np.float16)
    center = references.vectors.astype(np.float64).mean(axis=0)
    expected = find(queries, references, 5, engine="numpy")
    for engine in ENGINES:
        assert_same(find(queries, references[rng.permutation(len(references))], 5, engine=engine), expected)
        assert_same(find(queries, references, 5, block=17, engine=engine), expected)
        assert_same(find(queries, references, 5, block=10_000, engine=engine, center=center), expected)
        assert_same(find(queries, references, 5, center=-3 * center, engine=engine), expected)
        alone = [find(queries[n : n + 1], references, 5, engine=engine) for n in range(0, 150, 29)]
        np.testing.assert_array_equal(np.concatenate([one.indices for one in alone]), expected.indices[::29])
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            with threadpool_limits(1):
                assert_same(find(queries, references, 5, engine=engine), expected)
        finally:
            torch.set_num_threads(threads)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bits():
    references, queries = make_near_ties(np.random.default_rng(0), np.float16)
    assert_same(find(queries, references, 5, device="cuda"), find(queries, references, 5, engine="numpy"))


@pytest.mark.parametrize("engine", ENGINES)
def test_fewer_references_than_k(engine):
    found = find(make_embeddings([0, 0], np.ones((2, 3))), make_embeddings(range(3), np.eye(3)), 5, engine=engine)
    assert sorted(found.class_ids[0].tolist()) == [-1, -1, 0, 1, 2]
    assert np.isnan(found.cosines[0]).tolist() == [False, False, False, True, True]
    assert (vote(found.class_ids) == found.class_ids[:, 0]).all()


def test_linux_and_torch_agree_on_bf16():
    assert neighbours._has_bf16() == (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def test_ties_are_broken_at_random_over_queries():
    # two equal references of two classes: over many queries each must win about half the time
    references = make_embeddings([0, 1], [[1.0, 0.0], [1.0, 0.0]])
    queries = make_embeddings(np.zeros(2000, int), np.random.default_rng(1).normal(size=(2000, 2)))
    assert 0.45 < find(queries, references, 1).class_ids.mean() < 0.55


def test_row_products_are_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500, 99))
    whole = multiply_rows(a, b)
    np.testing.assert_allclose(whole, np.einsum("nd,nd->n", a, b), rtol=1e-12, atol=1e-13)
    assert [multiply_rows(a[n : n + 1], b[n : n + 1])[0] for n in range(500)] == whole.tolist()
    assert multiply_rows(torch.from_numpy(a), torch.from_numpy(b)).tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("nearest_first", "winner"),
    [
        ([3], 3),
        ([1, 2, 2], 2),
        ([1, 2, 2, 1, 5], 1),
        ([2, 1, 1, 2, 5], 2),
        ([1, 2, 3, 4, 5], 1),
        ([1, 2, 3, 3, 3], 3),
        ([4, 2, 2, -1, -1], 2),
        ([4, -1, -1, -1], 4),
    ],
)
def test_vote(nearest_first, winner):
    assert vote(np.array([nearest_first, nearest_first])).tolist() == [winner, winner]
