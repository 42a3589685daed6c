import sys

import pytest
from workplace import DEMO, REPOSITORY

from synthdiv.core.errors import StudyError
from synthdiv.prompts.captions import CaptionSource, read_captions
from synthdiv.prompts.class_tables import read_classes


@pytest.fixture
def write(tmp_path, classes_csv):
    """Return a function that writes and reads captions."""

    def write(*lines):
        path = tmp_path / "captions.csv"
        path.write_text("\n".join(lines) + "\n")
        return read_captions(str(path), read_classes(classes_csv))

    return write


def test_an_image_is_found_by_its_number_in_its_class(write):
    captions = write("key,index,caption", "n01,0,a crane", 'n01,01,"two cranes, flying"', "n02,0, a jay ")
    assert captions.find({"class_id": 0, "index": 1, "file": "archive/block.tar"}) == "two cranes, flying"
    assert captions.find({"class_id": 1, "index": 0, "file": "archive/block.tar"}) == "a jay"
    with pytest.raises(StudyError, match=r"captions\.csv have none for class_id 1, image 1, whose index is '1'"):
        captions.find({"class_id": 1, "index": 1, "file": "archive/block.tar"})


def test_an_image_is_found_by_the_name_of_its_file(write):
    captions = write("key,file,caption", "n01,b.jpg,a crane", "n02,b.jpg,a jay")
    assert captions.find({"class_id": 1, "index": 7, "file": "photos/n02/b.jpg"}) == "a jay"
    with pytest.raises(StudyError, match=r"have none for the image photos/n02/c\.jpg, whose file is 'c\.jpg'"):
        captions.find({"class_id": 1, "index": 0, "file": "photos/n02/c.jpg"})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["key,index,caption"], "has no row"),
        (["key,caption", "n01,a crane"], "needs one of the columns file and index; it has neither"),
        (["key,file,index,caption", "n01,a,0,a crane"], "needs one of the columns file and index; it has both"),
        (["key,index,caption", "n09,0,a crane"], "line 2: there is no class with the key 'n09'"),
        (["key,index,caption", "n01,0, "], "line 2: the caption is empty"),
        (["key,index,caption", "n01,-1,a crane"], "line 2: index is '-1'; it must be a number from 0"),
        (
            ["key,index,caption", "n01,0,a crane", "n01,00,a bird"],
            "line 3: an earlier line has a caption of the same image, '0'",
        ),
    ],
)
def test_wrong_tables_are_refused(write, lines, message):
    with pytest.raises(StudyError, match=message):
        write(*lines)


def test_edited_captions_are_refused_where_they_are_used(write, tmp_path, classes_csv):
    lines = ["key,index,caption", "n01,0,a crane", "n02,0,a jay"]
    source, classes = CaptionSource.describe(write(*lines), [0]), read_classes(classes_csv)
    assert source.read(classes, [0]).by_class[0] == {"0": "a crane"}
    write(*lines[:2], "n02,0,a bird")
    assert source.read(classes, [0]).by_class[1] == {"0": "a bird"}
    write(lines[0], "n01,0,a bird")
    with pytest.raises(StudyError, match="were edited after this run was planned"):
        source.read(classes, [0])


def test_the_demos_captions_name_every_training_image_in_words_of_its_class(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DEMO / "training"), *sys.path])
    from world import WORDS

    classes = read_classes(REPOSITORY / "resources" / "prompts" / "fashion" / "classes.csv")
    captions = read_captions(str(DEMO / "natural" / "fashion-train-captions.csv"), classes)
    for class_id, words in WORDS.items():
        own = captions.by_class[class_id]
        assert list(own) == [str(n) for n in range(300)]
        assert all(any(word in caption for word in words) for caption in own.values())
        assert 0.3 < sum(caption in words for caption in own.values()) / 300 < 0.75  # the class's word alone
