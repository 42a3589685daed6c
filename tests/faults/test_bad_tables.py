"""Test broken, malicious and unusual tables: class tables, overrides, counts, prompts, embeddings."""

import os
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from traps import Trap, accept, make_study, refusal, write_bytes

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.embeddings.user_tables import import_embeddings
from synthdiv.plan.review import read_columns
from synthdiv.prompts.class_tables import read_classes

HEADER = "class_id,key,name,lemmas\n"
FOLDER = "must be inside the folder of the classes"
CLASS_TABLES = {
    "an empty folder": (None, "is a folder without subfolders"),
    "empty": ("", "has no column class_id, key, name"),
    "header only": (HEADER, "contains no class"),
    "Latin-1": ((HEADER + "0,a,café,x\n").encode("latin-1"), "is not UTF-8 text"),
    "UTF-16": ((HEADER + "0,a,b,c\n").encode("utf-16"), "is not UTF-8 text"),
    "a NUL": (HEADER + "0,a,b\0,c\n", "line 2: there is a NUL character; is this a text file?"),
    "a PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not UTF-8 text"),
    "a ragged row": (HEADER + "0,a,b\n", "line 2: expected 4 values"),
    "semicolons": (HEADER.replace(",", ";") + "0;a;b;c\n", "its columns are class_id;key;name;lemmas"),
    "a column twice": ("class_id,key,name,key\n0,a,b,c\n", "has the column 'key' twice"),
    "an unterminated quote": (HEADER + '0,a,"b,c\n1,b,c,d\n', "expected 4 values"),
    "a very long name": (HEADER + "0,a," + "x" * 200_000 + ",c\n", "field larger than field limit"),
    "a key twice": (HEADER + "0,a,b,c\n1,a,c,d\n", "the key 'a' belongs to class_id 0 and 1"),
    "a gap": (HEADER + "0,a,b,c\n2,b,c,d\n", "class_id must run from 0 to 1, each once; 1 is missing"),
    "a key that leaves the folder": (HEADER + "0,../x,b,c\n", FOLDER),
    "a key that enters and leaves it": (HEADER + "0,x/../../y,b,c\n", FOLDER),
    "a key from the root": (HEADER + "0,/etc,b,c\n", FOLDER),
    "a key that is the folder": (HEADER + "0,.,b,c\n", FOLDER),
    "a key with a line break": (HEADER + '0,"a\nb",b,c\n', "the key 'a\\nb' has a line break"),
    "a name with a line break": (HEADER + '0,a,"b\nc",c\n', "the name 'b\\nc' has a line break"),
    "a name with a bell": (HEADER + "0,a,b\a,c\n", "the name 'b\\x07' has a line break or other control character"),
}


@pytest.mark.parametrize(("content", "message"), CLASS_TABLES.values(), ids=CLASS_TABLES)
def test_an_invalid_class_table_gives_a_clear_error(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    path = tmp_path / "classes.csv"
    path.unlink()
    path.mkdir() if content is None else write_bytes(path, content)
    error = refusal(config, tmp_path)
    assert "class table classes.csv" in error
    assert message in error
    assert "\n" not in error


UNUSUAL = {
    "a byte order mark": ("\ufeff" + HEADER + "0,a,b,c\n", "a", "b"),
    "Windows' line ends": ((HEADER + "0,a,b,c\n").replace("\n", "\r\n"), "a", "b"),
    "an old Mac's line ends": ((HEADER + "0,a,b,c\n").replace("\n", "\r"), "a", "b"),
    "no line end": (HEADER + "0,a,b,c", "a", "b"),
    "a key with spaces": (HEADER + "0,a b,b,c\n", "a b", "b"),
    "a key of a folder in a folder": (HEADER + "0,birds/a,b,c\n", "birds/a", "b"),
    "quotes": (HEADER + '0,a,"the ""b"" \'c\'",c\n', "a", "the \"b\" 'c'"),
    "joined emoji": (HEADER + "0,a,👩‍👩‍👧 نمی‌دانم,c\n", "a", "👩‍👩‍👧 نمی‌دانم"),
}


@pytest.mark.parametrize(("content", "key", "name"), UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_class_table_is_read(tmp_path, content, key, name):
    path = tmp_path / "classes.csv"
    write_bytes(path, content)
    (row,) = read_classes(path)
    assert (row.key, row.name) == (key, name)


OTHERS = {
    "a folder": (None, "cannot be read: Is a directory"),
    "Latin-1": ("key,prompt,images\ntshirt,café,1\n".encode("latin-1"), "is not UTF-8 text"),
    "a NUL": (b"key,prompt,images\ntshirt,\0,1\n", "line 2: there is a NUL character"),
    "a column twice": (b"key,prompt,images,key\ntshirt,a,1,bag\n", "has the column 'key' twice"),
    "ragged": (b"key,prompt,images\ntshirt,a\n", "line 2: expected 3 values"),
    "a key that leaves the folder": (b"key,prompt,images\n../tshirt,a,1\n", "there is no class"),
}


@pytest.mark.parametrize("table", ["overrides", "counts", "prompts"])
@pytest.mark.parametrize(("content", "message"), OTHERS.values(), ids=OTHERS)
def test_other_invalid_tables_give_a_clear_error(tmp_path, monkeypatch, table, content, message):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    path = tmp_path / "table.csv"
    path.mkdir() if content is None else path.write_bytes(content)
    if table == "overrides":
        config["datasets"]["disamb"]["overrides"] = "table.csv"
    elif table == "counts":
        config["sets"]["Natural-IM"]["images_per_class"] = {"train": "table.csv"}
    else:
        config["datasets"]["mine"] = {"builder": "table", "table": "table.csv"}
    error = refusal(config, tmp_path)
    assert "table.csv" in error
    assert message in error


def test_overrides_with_a_byte_order_mark_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    (tmp_path / "overrides.csv").write_text("\ufeffkey,prompt\nbag,a handbag\n")
    assert accept(config, tmp_path).datasets["disamb"].class_texts[3] == "a handbag"


@pytest.mark.parametrize("content", [b"key,prompt\n", b"", b"PAR1" + bytes(200) + b"PAR1"], ids=["text", "empty", "zeros"])
def test_a_prompt_table_that_is_not_a_parquet_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    (tmp_path / "table.parquet").write_bytes(content)
    config["datasets"]["mine"] = {"builder": "table", "table": "table.parquet"}
    assert "the prompt table table.parquet is not a readable Parquet file" in refusal(config, tmp_path)


@pytest.mark.parametrize("name", [b"key", b"a hat"], ids=["a column's name", "a page"])
def test_a_flipped_bit_in_a_prompt_table_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    columns = {"key": ["hat", "bag"], "prompt": ["a hat", "a bag"]}
    pq.write_table(pa.table(columns), "table.parquet", compression="none", use_dictionary=False, write_page_checksum=True)
    content = (tmp_path / "table.parquet").read_bytes()
    (tmp_path / "table.parquet").write_bytes(content.replace(name, bytes([name[0] ^ 0x80]) + name[1:]))
    config["datasets"]["mine"] = {"builder": "table", "table": "table.parquet"}
    assert "the prompt table table.parquet is not a readable Parquet file" in refusal(config, tmp_path)


# User-provided embeddings

CLASSES = [0, 0, 1, 1] * 2
SPLITS = ["train"] * 4 + ["evaluation"] * 4
VECTORS = np.arange(1, 41, dtype=np.float32).reshape(8, 5)


def write_table(path, vectors=VECTORS, kind=None, **options):
    kind = kind or pa.list_(pa.from_numpy_dtype(vectors.dtype))
    columns = {"class_id": CLASSES, "split": SPLITS, "embedding": pa.array(list(vectors), kind)}
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False, **options)
    return path


def import_and_read(source, folder):
    (folder / "classes.csv").write_text(HEADER + "0,a,b,c\n1,b,c,d\n")
    keys = [row.key for row in read_classes(folder / "classes.csv")]
    import_embeddings(str(source), folder / "results" / "t.parquet", set_name="m", class_keys=keys)
    return EmbeddingTables([folder / "results" / "t.parquet"], "train").read()


def damage(*, start=0, stop=None, at=None, put=b""):
    """Return a function that truncates data, and overwrites some of its bytes."""

    def apply(data):
        data = data[start:stop]
        return data if at is None else data[:at] + put + data[at + len(put) :]

    return apply


PARQUET = {
    "first half only": damage(stop=500),
    "without the last byte": damage(stop=-1),
    "zeros in the first page's header": damage(at=4, put=bytes(40)),
    "a text": lambda data: b"class_id,embedding\n",
    "empty": lambda data: b"",
    "invalid UTF-8 in a column's name": lambda data: data.replace(b"class_id", b"\xe3lass_id"),
    "invalid UTF-8": lambda data: data.replace(b"train", b"\xff\xfe\xff\xfe\xff"),
}


@pytest.mark.parametrize("apply", PARQUET.values(), ids=PARQUET)
def test_a_damaged_parquet_is_refused(tmp_path, apply):
    path = write_table(tmp_path / "mine.parquet")
    path.write_bytes(apply(path.read_bytes()))
    with pytest.raises(StudyError, match=r"mine\.parquet is not a readable Parquet file: "):
        import_and_read(path, tmp_path)
    assert not (tmp_path / "results").exists()


def test_a_flipped_bit_in_a_page_with_a_checksum_is_refused(tmp_path):
    path = write_table(tmp_path / "mine.parquet", write_page_checksum=True)
    content, value = path.read_bytes(), VECTORS[4].tobytes()
    path.write_bytes(content.replace(value, bytes([value[0] ^ 1]) + value[1:]))
    assert path.read_bytes() != content
    with pytest.raises(StudyError, match=r"mine\.parquet is not a readable Parquet file: .*CRC"):
        import_and_read(path, tmp_path)


def test_a_parquet_of_half_precision_is_read(tmp_path):
    found = import_and_read(write_table(tmp_path / "mine.parquet", VECTORS.astype(np.float16)), tmp_path)
    assert np.allclose(sorted((found.vectors * found.lengths[:, None]).tolist()), VECTORS[:4])


def test_a_pickle_in_a_parquets_schema_is_not_loaded(tmp_path, monkeypatch):
    """Old versions of pyarrow unpickled the metadata of an extension type (CVE-2023-47248)."""
    monkeypatch.chdir(tmp_path)
    metadata = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickle.dumps(Trap())}
    columns = [pa.array(CLASSES), pa.array(SPLITS), pa.array(list(VECTORS))]
    fields = [pa.field("class_id", pa.int64()), pa.field("split", pa.string())]
    fields.append(pa.field("embedding", pa.list_(pa.float32()), metadata=metadata))
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), "mine.parquet")
    assert len(import_and_read("mine.parquet", tmp_path)) == 4
    assert not os.path.exists("executed")


def write_npy(path, data):
    path.write_bytes(data)
    rows = [f"{class_id},{split}\n" for class_id, split in zip(CLASSES, SPLITS, strict=True)]
    path.with_suffix(".csv").write_text("class_id,split\n" + "".join(rows))
    return path


def npy_bytes(array, folder):
    np.save(folder / "made.npy", array, allow_pickle=True)
    return (folder / "made.npy").read_bytes()


NPY = {
    "objects": (lambda t: npy_bytes(np.array([[Trap()] * 5] * 8, dtype=object), t), "Object arrays cannot be loaded"),
    "a bare pickle": (lambda t: pickle.dumps(Trap()), "pickled"),
    "truncated": (lambda t: npy_bytes(VECTORS, t)[:-10], "could only read 37 elements"),
    "empty": (lambda t: b"", "No data left in file"),
    "petabytes": (
        lambda t: npy_bytes(VECTORS, t).replace(b"(8, 5)", b"(" + b"9" * 13 + b", 5)")[:128],
        "not an .npy file of numbers",
    ),
    "several arrays": (
        lambda t: (np.savez(t / "made.npz", a=VECTORS), (t / "made.npz").read_bytes())[1],
        "archive of several",
    ),
    "infinity": (lambda t: npy_bytes(np.where(VECTORS == 7, np.inf, VECTORS), t), "row 1: the embedding holds a value"),
    "zeros": (lambda t: npy_bytes(VECTORS * 0, t), "row 0: the embedding is a zero vector"),
    "zero dimensions": (lambda t: npy_bytes(np.ones((8, 0)), t), "row 0: the embedding is a zero vector"),
}


@pytest.mark.parametrize(("make", "message"), NPY.values(), ids=NPY)
def test_an_invalid_npy_is_refused_and_never_unpickled(tmp_path, monkeypatch, make, message):
    monkeypatch.chdir(tmp_path)
    path = write_npy(tmp_path / "mine.npy", make(tmp_path))
    with pytest.raises(StudyError) as caught:
        import_and_read(path, tmp_path)
    assert "mine.npy" in str(caught.value)
    assert message in str(caught.value)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", ["", "\ufeff", "\n"])
def test_an_emptied_csv_of_overrides_has_the_required_columns(tmp_path, content):
    """A review copies the columns of the overrides; it may be planned while somebody edits them."""
    write_bytes(tmp_path / "overrides.csv", content)
    assert read_columns(tmp_path / "overrides.csv") == ["key", "prompt"]
