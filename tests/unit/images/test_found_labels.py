"""Which classes there are in files of labelled images, before there is a class table."""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.readers.sources import list_labels


def test_the_names_of_a_class_label_are_the_classes(tmp_path):
    feature = {"label": {"names": ["wolf", "fox", "bear"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": feature}})}
    table = pa.table({"image": [b"", b"", b""], "label": [1, 0, 1]}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "a.parquet")
    assert list_labels(ImageFiles(form="parquet", paths=(str(tmp_path / "a.parquet"),))) == ["fox", "wolf"]


def test_of_a_number_and_a_name_the_name_is_the_class(tmp_path):
    table = pa.table({"image": [b"", b""], "class_id": [0, 1], "class_key": ["n02", "n01"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert list_labels(ImageFiles(form="parquet", paths=(str(tmp_path / "a.parquet"),))) == ["n01", "n02"]


def test_the_labels_of_several_tars_are_put_together(tmp_path):
    paths = []
    for number, names in enumerate((["b/1.png", "a/2.png"], ["c/3.png"])):
        paths.append(str(tmp_path / f"{number}.tar"))
        with tarfile.open(paths[-1], "w") as tar:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = 1
                tar.addfile(info, io.BytesIO(b"x"))
    assert list_labels(ImageFiles(form="tar", paths=tuple(paths))) == ["a", "b", "c"]


def test_numbers_are_in_numeric_order(tmp_path):
    labels = np.arange(12, dtype=np.uint8)[::-1]
    (tmp_path / "images").write_bytes(b"\0\0\x08\x03" + np.array([12, 1, 1], ">i4").tobytes() + bytes(12))
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01" + np.array([12], ">i4").tobytes() + labels.tobytes())
    source = ImageFiles(form="idx", paths=(str(tmp_path / "images"),), labels=str(tmp_path / "labels"))
    assert list_labels(source) == [str(n) for n in range(12)]


def test_folders_have_no_labels(tmp_path):
    with pytest.raises(StudyError, match=f"{tmp_path} has no file of labels: name a class table"):
        list_labels(ImageFiles(form="folder", paths=(str(tmp_path),)))
