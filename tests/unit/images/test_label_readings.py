"""Which class an image gets where its label can be read in several ways: by one rule, or by none, which is said."""

import json
import unicodedata
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_readers import CLASSES, ENCODED, write_flat, write_parquet, write_tar

from synthdiv.config.sets import ImageLocation
from synthdiv.core.errors import StudyError
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.natural_index import summarise_images
from synthdiv.images.readers.found import OTHER_CLASS
from synthdiv.images.readers.sources import find_images, read_rows
from synthdiv.plan.user_sources import describe_images
from synthdiv.prompts.class_tables import ClassRow, read_classes


def make_classes(*keys):
    return [ClassRow(n, key, key, "", "", "") for n, key in enumerate(keys)]


def list_classes(source, classes=CLASSES, **options):
    return [image.class_id for image in find_images(source, classes, **options)]


FOXES = make_classes("fox", "fox squirrel", "red, fox")


@pytest.mark.parametrize(
    "lines",
    [
        ["val_00.PNG,fox squirrel", 'val_01.PNG,"red, fox"', "val_02.PNG,fox"],
        ["file_name,split,label", "val_00.PNG,train,fox squirrel", 'val_01.PNG,train,"red, fox"', "val_02.PNG,train,fox"],
        ["label;other,image", "1;,val_00.PNG"],
        ["image\tclass_id", "val_02\t0", "val_00\t1", "val_01\t2"],
        ["val_02 0", "val_00 1", "val_01 2"],
        ["fox squirrel", "red, fox", "fox"],
    ],
    ids=["CSV", "CSV with a header", "CSV with another delimiter", "tabs", "spaces", "one class per line"],
)
def test_labels_with_spaces_quotes_and_headers(tmp_path, lines):
    source = write_flat(tmp_path, lines, ENCODED[:3])
    if ";" in lines[0]:
        with pytest.raises(StudyError, match=r"labels.txt: .* columns label;other, image"):
            find_images(source, FOXES)
    else:
        assert list_classes(source, FOXES) == [1, 2, 0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["val_00.PNG,train,fox", "val_01.PNG,train,fox"], "line 1 has 3 values: begin the file with a header"),
        (["image,label,key", "val_00.PNG,1,fox"], "has the columns label and key, and either may be the class: remove one"),
        (["val_00.PNG fox squirrel"], "line 1 has 3 words: write the image's name and its class with a comma between them"),
        (['val_00.PNG,"fox'], "line 1"),
    ],
)
def test_unclear_labels_are_refused(tmp_path, lines, message):
    with pytest.raises(StudyError, match=message):
        find_images(write_flat(tmp_path, lines, ENCODED[:1]), FOXES)


@pytest.mark.parametrize("delimiter", [",", " "])
def test_an_image_named_with_and_without_its_suffix_has_one_label(tmp_path, delimiter):
    lines = [f"val_00{delimiter}fox", f"val_01{delimiter}fox", f"val_01.PNG{delimiter}fox"]
    assert list_classes(write_flat(tmp_path / "a", lines, ENCODED[:2]), FOXES) == [0, 0]
    source = write_flat(tmp_path / "b", [*lines, f"val_00.PNG{delimiter}cat"], ENCODED[:2])
    with pytest.raises(StudyError, match=r"labels.txt labels val_00.PNG 'fox' on line 1, but 'cat' on line 4"):
        find_images(source, FOXES)


def test_a_name_without_a_suffix_that_fits_two_images_is_refused(tmp_path):
    source = write_flat(tmp_path, ["val_00.PNG,fox", "val_00,fox", "val_00.jpg,fox"], ENCODED[:1])
    for name in ("val_00.jpg", "val_00.PNG.jpg"):  # the second one is not meant by val_00.PNG
        (tmp_path / "flat" / name).write_bytes(ENCODED[1])
    with pytest.raises(
        StudyError, match=r"labels.txt, line 2: val_00 may be val_00.PNG or val_00.jpg: write the image's whole"
    ):
        find_images(source, FOXES)
    lines = "val_00.PNG,fox\nval_00.PNG.jpg,fox squirrel\nval_00.jpg,1\n"
    (tmp_path / "labels.txt").write_text(lines)
    assert list_classes(source, FOXES) == [0, 1, 1]


def test_a_label_of_an_image_that_is_not_there_is_logged(tmp_path, caplog):
    lines = ["val_00.PNG,fox", "val_07.PNG,fox", "val_08.PNG,fox"]
    assert list_classes(write_flat(tmp_path, lines, ENCODED[:1]), FOXES) == [0]
    assert "labels 2 images that the folder does not hold, such as val_07.PNG" in caplog.text


def write_sample(folder, /, within="shard", **members):
    return write_tar(folder / "a.tar", [(f"{within}/000000001.{extension}", data) for extension, data in members.items()])


def encode(**metadata):
    return json.dumps(metadata).encode()


@pytest.mark.parametrize(
    ("members", "class_id"),
    [
        ({"png": ENCODED[0], "cls": b"1", "json": encode(key="000000001", caption="a shirt")}, 1),
        ({"png": ENCODED[0], "json": encode(key="000000001", class_id=1)}, 1),
        ({"json": encode(key="000000001", url="x"), "png": ENCODED[0], "within": "boot"}, 0),
        ({"json": encode(key="shirt", class_id=1), "png": ENCODED[0], "cls": b"shirt"}, 1),
    ],
    ids=["cls", "class_id", "folder", "three that agree"],
)
def test_the_number_of_a_sample_is_not_its_class(tmp_path, members, class_id):
    """As img2dataset writes it: the JSON's key is the sample's name."""
    assert list_classes(write_sample(tmp_path, **members)) == [class_id]


@pytest.mark.parametrize(
    ("key", "folder", "class_id"), [("3", "boot", 0), (3, "boot", 0), (1, "shirt", 1), (1, "a", 1), ("shirt", "a", 1)]
)
def test_the_number_of_a_sample_may_be_an_integer(tmp_path, key, folder, class_id):
    source = write_tar(tmp_path / "a.tar", [(f"{folder}/3.png", ENCODED[0]), (f"{folder}/3.json", encode(key=key))])
    assert list_classes(source, make_classes("boot", "shirt", "hat", "bag")) == [class_id]


def test_a_label_may_be_called_in_capitals(tmp_path):
    for members in ({"CLS": b"shirt"}, {"JSON": encode(key="shirt")}):
        assert list_classes(write_sample(tmp_path, png=ENCODED[0], **members)) == [1]
    with pytest.raises(StudyError, match=r"is of class boot by its .cls and of class shirt by its .CLS"):
        find_images(write_sample(tmp_path, png=ENCODED[0], cls=b"boot", CLS=b"shirt"), CLASSES)


def test_labels_of_no_image_are_counted(tmp_path):
    members = [("boot/3.png", ENCODED[0]), ("lab/3.CLS", b"shirt"), ("lab/3.json", encode(class_key="shirt"))]
    members += [("boot/4.heic", b""), ("boot/4.cls", b"shirt"), ("boot/3.json", encode(caption="a boot"))]
    left_out = Counter()
    assert list_classes(write_tar(tmp_path / "a.tar", members), left_out=left_out) == [0]
    assert left_out == {(None, ".cls"): 2, (None, ".json"): 1, (None, ".heic"): 1}


def test_two_classes_of_a_sample_are_refused(tmp_path):
    source = write_sample(tmp_path, png=ENCODED[0], cls=b"0", json=encode(class_key="shirt"))
    with pytest.raises(
        StudyError, match=r"000000001.png is of class boot by its .cls and of class shirt by its .json \(class_key\)"
    ):
        find_images(source, CLASSES)


@pytest.mark.parametrize("name", ["class_id", "class_key", "key", "label", "class"])
@pytest.mark.parametrize("value", ["shirt", 1])
def test_a_label_in_json_may_have_each_of_the_names_of_a_parquet_column(tmp_path, name, value):
    sample = {"png": ENCODED[0], "json": encode(**{name: value})}
    assert list_classes(write_sample(tmp_path, **sample)) == list_classes(write_sample(tmp_path, "shirt", **sample)) == [1]


@pytest.mark.parametrize(
    ("members", "place"), [({"json": encode(label="shirt")}, r".json \(label\)"), ({"cls": b"1"}, ".cls")]
)
def test_a_folder_of_another_class_than_the_label_is_refused(tmp_path, members, place):
    source = write_sample(tmp_path, "boot", png=ENCODED[0], **members)
    with pytest.raises(
        StudyError, match=f"boot/000000001.png is of class shirt by its {place} and of class boot by its folder: correct"
    ):
        find_images(source, CLASSES)
    assert list_classes(source.model_copy(update={"label": "folder"})) == [0]
    assert list_classes(source.model_copy(update={"label": "cls" if "cls" in members else "label"})) == [1]


def test_a_number_of_a_folder_is_no_label_beside_others(tmp_path):
    assert list_classes(write_sample(tmp_path, "0", png=ENCODED[0], cls=b"1")) == [1]
    assert list_classes(write_sample(tmp_path, "0", png=ENCODED[0])) == [0]


def test_a_label_need_not_lie_beside_its_image(tmp_path):
    members = [(f"{n}.png", ENCODED[n]) for n in range(2)] + [(f"{n}.cls", b"%d" % (1 - n)) for n in range(2)]
    assert list_classes(write_tar(tmp_path / "a.tar", members)) == [1, 0]


def test_a_parquet_column_that_names_no_classes_is_not_the_label(tmp_path):
    numbers = ["000000000", "000000001"]
    assert list_classes(write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], key=numbers, label=[1, 0])) == [1, 0]
    names = ["img_a", "img_b"]
    source = write_parquet(tmp_path / "b.parquet", image=ENCODED[:2], key=names, label=["shirt", "hat"])
    assert list_classes(source, ignore_others=True) == [1]


@pytest.mark.parametrize(("wrong", "message"), [("foxx", "the label 'foxx' is neither"), (None, "there is no label")])
def test_a_parquet_column_of_which_some_values_are_classes_is_no_other_than_the_label(tmp_path, wrong, message):
    columns = {"image": ENCODED[:3], "label": ["fox", "fox squirrel", wrong], "key": ["0", "1", "2"]}
    source = write_parquet(tmp_path / "a.parquet", **columns)
    with pytest.raises(StudyError, match=f"a.parquet, row 2, the column label: {message}.*; if another column .* `label:`"):
        find_images(source, FOXES)
    assert list_classes(source.model_copy(update={"label": "key"}), FOXES) == [0, 1, 2]


@pytest.mark.parametrize("ignore_others", [False, True])
def test_a_label_that_is_missing_is_not_the_class_called_none(tmp_path, ignore_others):
    parquet = write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], label=["None", None])
    tar = write_sample(tmp_path, png=ENCODED[0], json=encode(class_key=None))
    for source, where in ((parquet, "row 1, the column label"), (tar, r"000000001.png, its .json \(class_key\)")):
        with pytest.raises(StudyError, match=f"{where}: there is no label"):
            find_images(source, make_classes("None"), ignore_others=ignore_others)


def write_class_labels(path, **columns):
    """As the library datasets writes them."""
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["shirt", "cat", "boot"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return ImageFiles(form="parquet", paths=(str(path),))


def test_the_integers_of_a_class_label_are_names(tmp_path):
    source = write_class_labels(tmp_path / "a.parquet", image=ENCODED[:3], label=[2, 0, 2])
    assert list_classes(source) == list_classes(source.model_copy(update={"label": "label"})) == [0, 1, 0]
    source = write_class_labels(tmp_path / "b.parquet", image=ENCODED[:3], label=[2, 1, 0], key=["boot", "cat", "shirt"])
    assert list_classes(source, ignore_others=True) == [0, 1]
    with pytest.raises(StudyError, match=r"row 1, the column key: the label 'cat' is neither a class key"):
        find_images(source, CLASSES)
    assert list_classes(write_class_labels(tmp_path / "c.parquet", image=ENCODED[:1], label=["boot"])) == [0]


@pytest.mark.parametrize(
    ("value", "message"), [(-1, "the label -1 is no number of its 3 names"), (None, "there is no label")]
)
def test_an_integer_without_a_name_is_refused(tmp_path, value, message):
    source = write_class_labels(tmp_path / "a.parquet", image=ENCODED[:2], label=[2, value])
    with pytest.raises(StudyError, match=f"a.parquet, row 1, the column label: {message}"):
        find_images(source, CLASSES)


@pytest.mark.parametrize(
    "metadata", ["{", "[]", "[" * 100_000, '{"info": {"features": {"label": {"_type": "ClassLabel"}}}}']
)
def test_names_that_cannot_be_read_are_refused(tmp_path, metadata):
    table = pa.table({"image": ENCODED[:1], "label": [0]}).replace_schema_metadata({"huggingface": metadata})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(StudyError, match=r"a.parquet: the names of its classes .* cannot be read"):
        find_images(ImageFiles(form="parquet", paths=(str(tmp_path / "a.parquet"),)), CLASSES)


def test_a_message_names_only_the_column_that_is_missing(tmp_path):
    source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:1], species=["boot"])
    with pytest.raises(StudyError, match=r"a.parquet needs a column of classes \(zzz\); it has image, species$"):
        find_images(source.model_copy(update={"label": "zzz"}), CLASSES)
    source = write_parquet(tmp_path / "b.parquet", label=["boot"])
    with pytest.raises(StudyError, match=r"b.parquet needs a column of encoded images \(image\); it has label$"):
        find_images(source, CLASSES)


def test_images_are_read_where_the_config_names_the_column_of_labels(tmp_path):
    source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], species=["boot", "shirt"])
    assert list_classes(source.model_copy(update={"label": "species"})) == [0, 1]
    assert list(read_rows(source.paths[0])) == ENCODED[:2]


def test_two_parquet_columns_that_name_different_classes_are_refused(tmp_path):
    source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], key=["boot", "shirt"], label=[0, 0])
    with pytest.raises(
        StudyError, match=r"a.parquet, row 1 is of class shirt by the column key and of class boot by the column label"
    ):
        find_images(source, CLASSES)
    assert list_classes(write_parquet(tmp_path / "b.parquet", image=ENCODED[:2], key=["boot", "shirt"], label=[0, 1])) == [
        0,
        1,
    ]


def test_a_number_is_no_class_id_where_class_keys_are_numbers(tmp_path):
    classes = make_classes("1", "2", "3")
    assert list_classes(write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], label=[1, 3]), classes) == [0, 2]
    with pytest.raises(
        StudyError, match=r"row 1, .*: the label '0' is not a class key; as some class keys are numbers, labels"
    ):
        find_images(write_parquet(tmp_path / "b.parquet", image=ENCODED[:2], label=[1, 0]), classes)


def test_a_class_may_be_spelled_in_composed_or_decomposed_characters(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    for given, own in ((composed, decomposed), (decomposed, composed)):
        source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], label=[given, "tea"])
        assert list_classes(source, make_classes(own, "tea")) == [0, 1]


@pytest.mark.parametrize(
    "name", ["__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "System Volume Information"]
)
def test_a_folder_that_a_system_makes_is_no_class_and_holds_no_images(tmp_path, name):
    for folder in ("boot", name, "shirt", f"boot/{name}"):
        (tmp_path / "train" / folder).mkdir(parents=True)
        (tmp_path / "train" / folder / "1.png").write_bytes(ENCODED[0])
    classes = read_classes(tmp_path / "train")
    assert [row.key for row in classes] == ["boot", "shirt"]
    left_out = Counter()
    folders = describe_images(str(tmp_path / "train"), [row.key for row in classes])
    assert list_classes(folders, classes, left_out=left_out) == [0, 1]
    tar = write_tar(tmp_path / "a.tar", [(f"{folder}/1.png", ENCODED[0]) for folder in ("boot", f"boot/{name}", name)])
    assert list_classes(tar, left_out=left_out) == [0]
    assert left_out == {}


def test_files_beside_class_folders_are_counted(tmp_path):
    for name in ("boot/1.png", "shirt/1.png", "hat/1.png", "stray.png", "notes.txt", ".hidden.png"):
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / name).write_bytes(ENCODED[0])
    left_out = Counter()
    assert list_classes(describe_images(str(tmp_path / "train"), ["boot", "shirt"]), left_out=left_out) == [0, 1]
    assert left_out == {(None, ".png"): 1, (None, ".txt"): 1}


def test_files_in_a_class_folder_around_another_are_not_counted_as_beside_it(tmp_path):
    for name in ("animals/fox/1.png", "animals/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(ENCODED[0])
    left_out = Counter()
    keys = ["animals", "animals/fox"]
    list_classes(describe_images(str(tmp_path), keys), make_classes(*keys), left_out=left_out)
    assert left_out == {}


def test_files_in_subfolders_of_a_flat_folder_are_counted(tmp_path):
    source = write_flat(tmp_path, ["val_00.PNG,boot"], ENCODED[:1])
    for name in ("sub/z.png", "sub.png/more/y.PNG", "sub/x.txt", "w.txt", "@eaDir/v.png"):
        (tmp_path / "flat" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / name).write_bytes(ENCODED[0])
    left_out = Counter()
    assert list_classes(source, left_out=left_out) == [0]
    assert left_out == {(None, ".png"): 2, (None, ".txt"): 2}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_class_folder_may_be_spelled_in_composed_or_decomposed_characters(tmp_path, form):
    (tmp_path / unicodedata.normalize(form, "café")).mkdir()
    keys = [unicodedata.normalize(one, "café") for one in ("NFC", "NFD")]
    (first,), (second,) = (describe_images(str(tmp_path), [key]).paths for key in keys)
    assert first == second == str(tmp_path / unicodedata.normalize(form, "café"))


def test_files_that_are_not_taken_are_counted_by_suffix_and_class(tmp_path):
    for name in ("boot", "shirt"):
        (tmp_path / name).mkdir()
        for suffix in (".JFIF", ".pgm", ".heic", ".HEIC", ".txt", ""):
            (tmp_path / name / f"1{suffix}").write_bytes(ENCODED[0])
    source = ImageFiles(form="folder", paths=(str(tmp_path / "boot"), str(tmp_path / "shirt")), keys=("boot", "shirt"))
    left_out = Counter()
    found = find_images(source, CLASSES, left_out=left_out)
    assert [image.class_id for image in found] == [0, 0, 1, 1]
    assert left_out == {(class_id, suffix): n for class_id in (0, 1) for suffix, n in ((".heic", 2), (".txt", 1), ("", 1))}
    text = summarise_images("Own-IM", "train", found, [], left_out)
    assert text == "Own-IM, train: 4 images found, 0 used; left out: 4 .heic, 2 .txt, 2 without a suffix"


def test_images_of_other_classes_are_counted(tmp_path):
    members = [("boot/1.jpe", ENCODED[0]), ("boot/1.txt", b"a boot"), ("boot/2.heic", b""), ("boot/1.cls", b"boot")]
    members += [("cat/2.png", ENCODED[1]), ("cat/2.cls", b"cat")]
    columns = {"image": ENCODED[:3], "key": ["boot", "cat", "dog"]}
    flat = write_flat(tmp_path, ["val_00.PNG,boot", "val_01.PNG,cat"], ENCODED[:2])
    sources = {
        flat: {(None, OTHER_CLASS): 1},
        write_tar(tmp_path / "a.tar", members): {(None, ".txt"): 1, (None, ".heic"): 1, (None, OTHER_CLASS): 1},
        write_parquet(tmp_path / "a.parquet", **columns): {(None, OTHER_CLASS): 2},
    }
    for source, expected in sources.items():
        left_out = Counter()
        assert [image.class_id for image in find_images(source, CLASSES, ignore_others=True, left_out=left_out)] == [0]
        assert left_out == expected


@pytest.mark.parametrize(("label", "class_id"), [("species", 1), ("cls", 0), ("class_id", 0), ("key", 1)])
def test_the_config_names_the_label_of_a_sample(tmp_path, label, class_id):
    source = write_sample(tmp_path, png=ENCODED[0], cls=b"0", json=encode(species="shirt", class_id=0, key="1"))
    assert list_classes(source.model_copy(update={"label": label})) == [class_id]
    with pytest.raises(
        StudyError, match=r"shard/000000001\.png: the sample has no JSON with the key 'genus', which the config"
    ):
        find_images(source.model_copy(update={"label": "genus"}), CLASSES)


def test_the_config_names_the_column_of_labels(tmp_path):
    """A column of another name, and one of two that may be meant."""
    columns = {"image": ENCODED[:2], "label": [0, 0], "key": ["shirt", "boot"], "species": ["shirt", "shirt"]}
    lines = ["file_name,label,key,species", "val_00.PNG,0,shirt,shirt", "val_01.PNG,0,boot,shirt"]
    for source in (write_parquet(tmp_path / "images.parquet", **columns), write_flat(tmp_path, lines, ENCODED[:2])):
        with pytest.raises(StudyError, match="label"):
            find_images(source, CLASSES)
        for label, expected in (("species", [1, 1]), ("key", [1, 0]), ("label", [0, 0])):
            assert list_classes(source.model_copy(update={"label": label})) == expected
        with pytest.raises(StudyError, match=r"genus.*it has (the columns )?(image|file_name), label, key, species"):
            find_images(source.model_copy(update={"label": "genus"}), CLASSES)


def test_a_label_that_would_have_no_effect_is_refused(tmp_path):
    for row in CLASSES:
        (tmp_path / row.key).mkdir()
    source = ImageLocation(path=str(tmp_path), label="species")
    with pytest.raises(
        StudyError, match=r"`label: species` would have no effect: .* has folders, whose names are the classes"
    ):
        describe_images(source, [row.key for row in CLASSES])
