"""Test embedding tables, and the import of user-provided ones."""

import csv
import itertools
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.core.tables import read_metadata
from synthdiv.embeddings.table import EmbeddingTables, write_embeddings
from synthdiv.embeddings.user_tables import import_embeddings

SPLITS = ("train", "evaluation")
KEYS = ["n00", "n01", "n02"]


# Tables of this workflow


def make_table(count, width, dtype=np.float16, seed=0):
    """Return shuffled, distinct rows of class, split and index, with vectors of nearly unit length."""
    rng = np.random.default_rng(seed)
    at = list(itertools.product(range(11), ("evaluation", "train"), range(math.ceil(count / 22))))[:count]
    rng.shuffle(at := np.array(at, dtype=object))
    vectors = rng.standard_normal((count, width))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype)
    return [int(n) for n in at[:, 0]], list(at[:, 1]), [int(n) for n in at[:, 2]], vectors


def write(path, ids, splits, indices, vectors, metadata):
    write_embeddings(path, ids, splits, indices, vectors, 2 + np.asarray(indices), metadata)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_table_is_read_back_bit_for_bit_and_sorted(tmp_path, dtype):
    ids, splits, indices, vectors = make_table(200, 5, dtype)
    path = tmp_path / "table.parquet"
    write(path, ids, splits, indices, vectors, {})
    for split in SPLITS:
        read = EmbeddingTables([path], split).read()
        expected = {(ids[n], indices[n]): vectors[n] for n in range(200) if splits[n] == split}
        assert list(zip(read.class_ids.tolist(), read.indices.tolist(), strict=True)) == sorted(expected)
        assert read.vectors.dtype == dtype
        assert len(read) == len(expected)
        assert read.vectors.tobytes() == np.array([expected[at] for at in sorted(expected)]).tobytes()
        assert read.lengths.tolist() == (2 + read.indices).tolist()


@pytest.mark.parametrize("rows", [1, 7, 50, 10_000])
def test_blocks_join_to_the_whole_table(tmp_path, rows):
    path = tmp_path / "table.parquet"
    write(path, *make_table(200, 5), {})
    tables = EmbeddingTables([path], "train", rows=rows)
    for _ in range(2):  # iteration can be repeated
        blocks = list(tables)
        assert {len(block) for block in blocks[:-1]} <= {rows}
        assert 0 < len(blocks[-1]) <= rows
        whole = tables.read()
        for name in ("class_ids", "indices", "vectors", "lengths"):
            np.testing.assert_array_equal(np.concatenate([getattr(block, name) for block in blocks]), getattr(whole, name))
    assert list(EmbeddingTables([path], "neither")) == []


def test_the_shards_of_a_set_are_read_as_one_table_in_any_order(tmp_path):
    ids, splits, indices, vectors = make_table(300, 4)
    whole = tmp_path / "whole.parquet"
    write(whole, ids, splits, indices, vectors, {})
    shards = []
    for shard in range(3):
        rows = [n for n in range(300) if ids[n] % 3 == shard]
        shards.append(tmp_path / f"{shard}.parquet")
        write(shards[-1], [ids[n] for n in rows], [splits[n] for n in rows], [indices[n] for n in rows], vectors[rows], {})
    expected = EmbeddingTables([whole], "train").read()
    for order in (shards, shards[::-1]):
        read = EmbeddingTables(order, "train").read()
        assert read.class_ids.tolist() == expected.class_ids.tolist()
        assert read.indices.tolist() == expected.indices.tolist()
        assert read.vectors.tobytes() == expected.vectors.tobytes()


def test_a_split_that_a_table_lacks_is_empty_and_keeps_the_dimension(tmp_path):
    write(tmp_path / "table.parquet", [0], ["train"], [0], np.eye(4)[:1], {})
    read = EmbeddingTables([tmp_path / "table.parquet"], "evaluation").read()
    assert len(read) == 0
    assert read.vectors.shape == (0, 4)


def test_rows_are_sorted_by_class_split_with_training_first_and_index(tmp_path):
    ids, splits, indices, vectors = make_table(100, 2)
    path = tmp_path / "table.parquet"
    write(path, ids, splits, indices, vectors, {"encoder": "ViT-L-14-quickgelu", "versions": {"torch": None}})
    table = pq.read_table(path)
    stored = list(zip(*(table[name].to_pylist() for name in ("class_id", "split", "index")), strict=True))
    assert stored == sorted(zip(ids, splits, indices, strict=True), key=lambda at: (at[0], SPLITS.index(at[1]), at[2]))
    assert read_metadata(path) == {"encoder": "ViT-L-14-quickgelu", "versions": {"torch": None}}


def test_the_embedding_column_is_stored_for_fast_reading(tmp_path):
    path = tmp_path / "table.parquet"
    write(path, *make_table(10_000, 6), {})
    schema = pq.read_schema(path)
    assert schema.field("embedding").type == pa.list_(pa.field("item", pa.float16(), nullable=False), 6)
    assert not any(schema.field(name).nullable for name in ("class_id", "split", "index", "length", "embedding"))
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [8192, 1808]
    for group in groups:
        columns = {group.column(n).path_in_schema.split(".")[0]: group.column(n) for n in range(group.num_columns)}
        vectors = columns.pop("embedding")
        assert vectors.compression == "UNCOMPRESSED"
        assert not vectors.has_dictionary_page
        assert not any("DICTIONARY" in encoding for encoding in vectors.encodings)
        assert not vectors.is_stats_set
        assert all(column.compression == "ZSTD" and column.is_stats_set for column in columns.values())


# User-provided tables


def user_rows():
    """Return two images per class and split, with vectors of small integers, which every numeric type holds exactly."""
    rng = np.random.default_rng(0)
    columns = {"class_id": [], "split": [], "index": [], "embedding": []}
    for class_id in range(3):
        for split, index in itertools.product(SPLITS, (0, 7)):
            vector = [1 + class_id, *rng.integers(-9, 10, 4).tolist()]
            for name, value in zip(columns, (class_id, split, index, vector), strict=True):
                columns[name].append(value)
    return columns


def take(columns, rows):
    return {name: [values[n] for n in rows] for name, values in columns.items()}


def write_parquet(path, columns, kind=None):
    arrays = {name: pa.array(values, kind if name == "embedding" else None) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path)
    return str(path)


def write_npy(path, columns, dtype=np.float32):
    np.save(path, np.array(columns["embedding"], dtype))
    names = [name for name in columns if name != "embedding"]
    with open(path.with_suffix(".csv"), "w", newline="") as file:
        csv.writer(file).writerows([names, *zip(*(columns[name] for name in names), strict=True)])
    return str(path)


def import_table(source, tmp_path):
    path = tmp_path / "imported" / "table.parquet"
    import_embeddings(source, path, set_name="mine", class_keys=KEYS)
    return path


def assert_unit_vectors_of(path, columns):
    """Compare row by row with vectors that are normalised by exact summation."""
    for split in SPLITS:
        read = EmbeddingTables([path], split).read()
        assert read.vectors.dtype == np.float64
        rows = take(columns, [n for n, name in enumerate(columns["split"]) if name == split])
        by_place = dict(zip(zip(rows["class_id"], rows["index"], strict=True), rows["embedding"], strict=True))
        assert list(zip(read.class_ids.tolist(), read.indices.tolist(), strict=True)) == sorted(by_place)
        expected = [
            [value / math.sqrt(math.fsum(v * v for v in by_place[at])) for value in by_place[at]] for at in sorted(by_place)
        ]
        np.testing.assert_allclose(read.vectors, expected, rtol=0, atol=1e-15)


KINDS = {
    "list of double": pa.list_(pa.float64()),
    "list of float": pa.list_(pa.float32()),
    "list of halffloat": pa.list_(pa.float16()),
    "list of integers": pa.list_(pa.int8()),
    "fixed list of float": pa.list_(pa.float32(), 5),
    "fixed list of halffloat": pa.list_(pa.float16(), 5),
    "large list of double": pa.large_list(pa.float64()),
    "large list of integers": pa.large_list(pa.int64()),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_list_of_numbers_becomes_unit_vectors(tmp_path, kind):
    columns = user_rows()
    assert_unit_vectors_of(import_table(write_parquet(tmp_path / "mine.parquet", columns, kind), tmp_path), columns)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_npy_with_csv_becomes_unit_vectors(tmp_path, dtype):
    columns = user_rows()
    assert_unit_vectors_of(import_table(write_npy(tmp_path / "mine.npy", columns, dtype), tmp_path), columns)


@pytest.mark.parametrize("write", [write_parquet, write_npy])
def test_one_file_per_split_needs_no_split_column(tmp_path, write):
    columns, suffix = user_rows(), "npy" if write is write_npy else "parquet"
    source = {}
    for split in SPLITS:
        rows = take(columns, [n for n, name in enumerate(columns["split"]) if name == split])
        del rows["split"]
        source[split] = write(tmp_path / f"{split}.{suffix}", rows)
    assert_unit_vectors_of(import_table(source, tmp_path), columns)


@pytest.mark.parametrize("suffix", ["parquet", "npy"])
def test_a_glob_matches_many_files(tmp_path, suffix):
    columns = user_rows()
    write = {"parquet": write_parquet, "npy": write_npy}[suffix]
    for part in range(3):
        write(tmp_path / f"part-{part}.{suffix}", take(columns, range(part, 12, 3)))
    assert_unit_vectors_of(import_table(str(tmp_path / f"part-*.{suffix}"), tmp_path), columns)


def test_the_source_is_in_the_metadata(tmp_path):
    source = write_parquet(tmp_path / "mine.parquet", user_rows())
    assert read_metadata(import_table(source, tmp_path)) == {"set": "mine", "source": source}


@pytest.mark.parametrize("with_index", [True, False])
@pytest.mark.parametrize("write", [write_parquet, write_npy])
def test_shuffled_rows_give_the_same_file(tmp_path, write, with_index):
    """Even if two rows of a class hold the same vector."""
    columns = user_rows()
    columns["embedding"][1] = columns["embedding"][0]
    if not with_index:
        del columns["index"]
    path = tmp_path / ("mine.npy" if write is write_npy else "mine.parquet")
    imported = set()
    for seed in range(4):
        rows = np.random.default_rng(seed).permutation(12)
        imported.add(import_table(write(path, take(columns, rows)), tmp_path).read_bytes())
    assert len(imported) == 1


def test_rows_without_an_index_are_numbered_in_their_class_and_split(tmp_path):
    columns = user_rows()
    del columns["index"]
    read = EmbeddingTables([import_table(write_parquet(tmp_path / "mine.parquet", columns), tmp_path)], "train").read()
    assert read.class_ids.tolist() == [0, 0, 1, 1, 2, 2]
    assert read.indices.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_a_vector_s_length_does_not_matter(tmp_path, scale):
    columns = user_rows()
    scaled = columns | {"embedding": [[scale * value for value in vector] for vector in columns["embedding"]]}
    assert_unit_vectors_of(import_table(write_parquet(tmp_path / "mine.parquet", scaled), tmp_path), columns)


def change(name, row, value):
    def apply(columns):
        columns[name][row] = value

    return apply


def remove(*names):
    def apply(columns):
        for name in names:
            del columns[name]

    return apply


BAD_ROWS = {  # a change to the table, and what the message contains besides the file's name
    "NaN": (change("embedding", 5, [1.0, math.nan, 0, 0, 0]), ["row 5", "not finite"]),
    "infinity": (change("embedding", 11, [1.0, 0, 0, 0, -math.inf]), ["row 11", "not finite"]),
    "zero": (change("embedding", 3, [0, 0, -0.0, 0, 0]), ["row 3", "zero vector"]),
    "short vector": (change("embedding", 4, [1, 2, 3, 4]), ["row 4", "4 values", "row 0 has 5"]),
    "no vector": (change("embedding", 6, None), ["row 6", "missing"]),
    "null in a vector": (change("embedding", 6, [1, 2, None, 4, 5]), ["row 6", "not finite"]),
    "class too high": (change("class_id", 9, 3), ["row 9", "class_id 3", "0 to 2"]),
    "class below 0": (change("class_id", 0, -1), ["row 0", "class_id -1", "0 to 2"]),
    "class is null": (change("class_id", 2, None), ["row 2", "the class_id is missing"]),
    "unknown split": (change("split", 7, "val"), ["row 7", "'val'", "train or evaluation"]),
    "split is null": (change("split", 7, None), ["row 7", "None", "train or evaluation"]),
    "no split": (remove("split"), ["no split column", "one for evaluation"]),
    "no class_id": (remove("class_id"), ["no column class_id", "split, index, embedding"]),
    "no embedding": (remove("embedding"), ["no column embedding", "class_id, split, index"]),
    "classes are words": (lambda columns: columns.update(class_id=["quail"] * 12), ["class_id is string", "integers"]),
    "classes are fractions": (lambda columns: columns.update(class_id=[0.5] * 12), ["class_id is double", "integers"]),
    "vectors are numbers": (
        lambda columns: columns.update(embedding=[1.0] * 12),
        ["embedding is double", "list of numbers"],
    ),
    "vectors are words": (lambda columns: columns.update(embedding=[["a"] * 5] * 12), ["embedding holds string", "numbers"]),
    "no row": (lambda columns: columns.update(take(columns, [])), ["no row"]),
    "index too large": (change("index", 3, 2**31), ["index 2147483648 is too large"]),
    "index is a word": (lambda columns: columns.update(index=["a"] * 12), ["index", "integers"]),
    "index is a fraction": (lambda columns: columns.update(index=[0.25, 7.75] * 6), ["index", "integers"]),
}


@pytest.mark.parametrize(("apply", "fragments"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_an_invalid_parquet_is_refused(tmp_path, apply, fragments):
    columns = user_rows()
    apply(columns)
    source = write_parquet(tmp_path / "mine.parquet", columns)
    with pytest.raises(StudyError) as caught:
        import_table(source, tmp_path)
    for text in [source, *fragments]:
        assert text in str(caught.value)
    assert not (tmp_path / "imported").exists()


def test_a_table_with_rows_of_the_other_split_is_refused(tmp_path):
    columns = user_rows()
    columns["split"] = ["train"] * 5 + ["evaluation"] * 7
    file = write_parquet(tmp_path / "mine.parquet", columns)
    with pytest.raises(StudyError, match="row 5: split is 'evaluation', but the config names the file for train"):
        import_table({"train": file, "evaluation": file}, tmp_path)


BAD_NPY = {
    "NaN": (change("embedding", 5, [1.0, math.nan, 0, 0, 0]), ["mine.npy, row 5", "not finite"]),
    "class too high": (change("class_id", 9, 3), ["mine.npy, row 9", "class_id 3"]),
    "class is a word": (change("class_id", 9, "jay"), ["mine.csv, row 9", "'jay'"]),
    "class is empty": (change("class_id", 9, ""), ["mine.csv, row 9", "''"]),
    "index too large": (change("index", 2, 2**31), ["mine.npy", "2147483648 is too large"]),
    "index below 0": (change("index", 2, -1), ["mine.csv, row 2", "'-1'"]),
    "unknown split": (change("split", 7, "val"), ["mine.npy, row 7", "'val'"]),
    "no split": (remove("split"), ["mine.npy", "no split column"]),
    "no class_id": (remove("class_id"), ["mine.csv", "no column class_id"]),
}


@pytest.mark.parametrize(("apply", "fragments"), BAD_NPY.values(), ids=BAD_NPY)
def test_invalid_values_with_an_npy_are_refused(tmp_path, apply, fragments):
    columns = user_rows()
    apply(columns)
    source = write_npy(tmp_path / "mine.npy", columns)
    with pytest.raises(StudyError) as caught:
        import_table(source, tmp_path)
    for text in [str(tmp_path), *fragments]:
        assert text in str(caught.value)


class Trap:
    """Fails the test if it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("the user's pickle was run",)


BAD_ARRAYS = {
    "pickled": (np.array([[Trap()] * 5] * 12, dtype=object), ["mine.npy", "not an .npy file of numbers"]),
    "one row less": (np.ones((11, 5)), ["mine.npy holds 11 vectors", "mine.csv 12 rows"]),
    "flat": (np.ones(12), ["mine.npy", "(12,)"]),
    "complex": (np.ones((12, 5), complex), ["mine.npy", "complex128"]),
    "words": (np.array([["a"] * 5] * 12), ["mine.npy", "<U1"]),
    "no row": (np.ones((0, 5)), ["mine.npy", "(0, 5)"]),
}


@pytest.mark.parametrize(("array", "fragments"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_invalid_array_is_refused(tmp_path, array, fragments):
    source = write_npy(tmp_path / "mine.npy", user_rows())
    np.save(source, array, allow_pickle=True)
    with pytest.raises(StudyError) as caught:
        import_table(source, tmp_path)
    for text in fragments:
        assert text in str(caught.value)


@pytest.mark.parametrize("name", ["mine.npy", "mine.parquet"])
def test_a_file_of_another_format_is_refused(tmp_path, name):
    write_npy(tmp_path / "mine.npy", user_rows())
    (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(StudyError, match=rf"{name} is not an? "):
        import_table(str(tmp_path / name), tmp_path)


def test_vectors_without_their_classes_are_refused(tmp_path):
    source = write_npy(tmp_path / "mine.npy", user_rows())
    (tmp_path / "mine.csv").unlink()
    with pytest.raises(StudyError, match=r"mine\.csv does not exist"):
        import_table(source, tmp_path)


def test_files_with_another_dimension_are_refused(tmp_path):
    columns = user_rows()
    write_parquet(tmp_path / "a.parquet", columns)
    write_parquet(tmp_path / "b.parquet", columns | {"embedding": [vector[:4] for vector in columns["embedding"]]})
    with pytest.raises(StudyError, match=r"b\.parquet: its vectors have 4 values, those of .*a\.parquet 5"):
        import_table(str(tmp_path / "*.parquet"), tmp_path)


@pytest.mark.parametrize("indices", [[0, 0], [0, -1]], ids=["twice", "one without"])
def test_duplicate_and_missing_indices_are_refused(tmp_path, indices):
    columns = user_rows()
    columns["index"][4:6] = indices
    with pytest.raises(StudyError, match=r"'mine': class 1, train: two rows have the same index, or one has none"):
        import_table(write_parquet(tmp_path / "mine.parquet", columns), tmp_path)


def test_importing_the_same_rows_twice_is_refused(tmp_path):
    for name in ("a", "b"):
        write_parquet(tmp_path / f"{name}.parquet", user_rows())
    with pytest.raises(StudyError, match="two rows have the same index"):
        import_table(str(tmp_path / "*.parquet"), tmp_path)


def test_a_class_without_a_vector_is_named(tmp_path):
    columns = user_rows()
    rows = [n for n in range(12) if (columns["class_id"][n], columns["split"][n]) != (1, "evaluation")]
    source = write_parquet(tmp_path / "mine.parquet", take(columns, rows))
    with pytest.raises(StudyError) as caught:
        import_table(source, tmp_path)
    assert all(text in str(caught.value) for text in ("'mine'", "class 1 (n01)", "split evaluation", source))


def test_the_message_about_a_missing_class_names_the_file_of_its_split(tmp_path):
    columns = user_rows()
    source = {
        "train": write_parquet(tmp_path / "one.parquet", take(columns, [0, 1, 4, 5, 8, 9])),
        "evaluation": write_parquet(tmp_path / "two.parquet", take(columns, [2, 3, 6, 7])),
    }
    with pytest.raises(StudyError, match=r"class 2 \(n02\)") as caught:
        import_table(source, tmp_path)
    assert "two.parquet" in str(caught.value)
    assert "one.parquet" not in str(caught.value)
