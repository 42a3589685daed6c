"""Leakage in a study that trains and evaluates on the same images: found by Snakemake's own jobs."""

import polars as pl
import pytest
from PIL import Image
from shared import make_once
from small_study import write_natural
from workplace import Workplace


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """Run a study whose evaluation folder is a copy of the training folder, in which one image is mirrored."""

    def make(folder):
        write_natural(folder, train=6, val=4)
        first, *_ = sorted((folder / "natural" / "train" / "bag").iterdir())
        (folder / "natural" / "copy").mkdir()
        for path in sorted((folder / "natural" / "train").glob("*/*.png")):
            copy = folder / "natural" / "copy" / path.parent.name / path.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
            if path == first:
                Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy)
        natural = {"kind": "image", "images": {"train": "natural/train", "evaluation": "natural/copy"}}
        config = {"study": "leaky", "classes": "classes.csv", "device": "cpu", "sets": {"Natural-IM": natural}}
        config |= {"encoders": {"clip": {"model": "resources/demo/models/clip"}}}
        place = Workplace.make(folder, config)
        place.run(
            "--cores", "2", *(f"results/leaky/{name}" for name in ("tables/leakage.csv", "figures/similar_images.png"))
        )

    return Workplace.reopen(make_once(tmp_path_factory, "leaky_study", make))


def test_every_leaked_image_is_counted(leaky):
    table = pl.read_csv(leaky.results / "tables" / "leakage.csv", infer_schema_length=None)
    assert table.select("split", "other_split", "n_images", "n_exact", "n_near").rows() == [
        ("train", "train", 24, 0, 0),
        ("evaluation", "evaluation", 24, 0, 0),
        ("evaluation", "train", 24, 23, 1),
    ]
    assert table["duplicate_share"].to_list() == [0, 0, 1]
    assert table["authenticity"].to_list() == [None, None, pytest.approx(1 / 24, abs=1 / 24)]


def test_the_pairs_and_their_figure(leaky):
    pairs = pl.read_parquet(leaky.results / "tables" / "duplicates.parquet").filter(pl.col("kind").is_in(["exact", "near"]))
    assert pairs["class_id"].to_list() == pairs["other_class_id"].to_list()
    assert pairs.filter(kind="exact")["cosine"].to_list() == pytest.approx([1.0] * 23, abs=1e-3)
    assert set(pairs["file"].str.replace("copy", "train") == pairs["other_file"]) == {True}
    with Image.open(leaky.results / "figures" / "similar_images.png") as image:
        assert min(image.size) > 200
