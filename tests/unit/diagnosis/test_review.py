"""The review: its reviewer, the results of a class, the history of earlier reviews, and a page with every text escaped."""

import base64
import csv
import dataclasses
import io
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import write_review
import yaml
from PIL import Image
from standin import FINGERPRINT, generate_run, make_config
from workplace import REPOSITORY

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import PROBE, REVIEW, SPLITS, derive_seed
from synthdiv.diagnosis.review import (
    HISTORY,
    introduce_review,
    keep_history,
    list_predictions,
    propose_override,
    tabulate_classes,
    vote_seeds,
)
from synthdiv.generation.shards import iter_blocks
from synthdiv.images.flags import decode_image
from synthdiv.images.index import read_index
from synthdiv.jobs.images import plan_generation
from synthdiv.jobs.review import write_review as plan_page
from synthdiv.plan.generation import find_prompts, find_run, list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import Reviewer
from synthdiv.plan.review import choose_reviewed, choose_reviewer, find_overrides, read_columns
from synthdiv.prompts.class_tables import ClassRow, read_classes
from synthdiv.report.review_page import SIDE, make_data_uri, write_page
from synthdiv.stats.intervals import wilson_interval

CLASSES = [
    ClassRow(0, "n01", "crane", "crane", "a bird", "wading bird"),
    ClassRow(1, "n02", "jay", "jay, bird", "", ""),
    ClassRow(2, "n03", 'a "nail" & <b>co</b>', "nail", "it is <script>alert(1)</script>", "fastener, $metal"),
]
MADE = {"generated_by": "gen at guidance scale 7.5", "reviewed_by": "the classifier small, trained on Natural-IM"}


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = {
        "Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5},
        "Disamb-IM": {"kind": "image", "dataset": "disamb", "guidance_scale": 7.5},
    }
    return make_config(tmp_path, classes_csv, sets=sets, images_per_class={"train": 120, "evaluation": 60})


def generate_review(config, path, name="Disamb-IM"):
    study = load_study(config)
    (shard,) = list_shards(study)
    return generate_run(study, *find_run(study, {"set_name": name, "shard": shard}), path)


def list_seeds(study, **names):
    """List the noise seeds of a generation run of one shard."""
    (shard,) = list_shards(study)
    run, part = find_run(study, names | {"shard": shard})
    blocks = iter_blocks(plan_generation(study, run, part), find_prompts(study, run), range(3), FINGERPRINT)
    return [seed for block in blocks for seed in block.seeds]


# Generated images


def test_a_review_has_its_own_noises(config):
    study = load_study(config)
    review_seeds = list_seeds(study, set_name="Disamb-IM")
    assert len(set(review_seeds)) == 3 * 50
    probe_seeds = [derive_seed(study.seed, row.key, PROBE, n) for row in study.classes for n in range(200)]
    set_seeds = list_seeds(study, dataset="disamb", scale="7.5")
    assert len(set_seeds) == 3 * 180
    assert not set(review_seeds) & (set(probe_seeds) | set(set_seeds))
    assert len({*SPLITS, PROBE, REVIEW}) == 4


def test_an_edited_override_regenerates_one_class(config, tmp_path):
    config["review"] = {"images": 20}
    assert generate_review(config, tmp_path / "a.parquet").generated == 60
    rows = read_index(tmp_path / "a.parquet").to_pylist()
    assert [(row["class_id"], row["split"], row["index"]) for row in rows] == [
        (c, "review", n) for c in range(3) for n in range(20)
    ]
    assert rows[0]["prompt"] == "a crane bird"
    (tmp_path / "overrides.csv").write_text("key,prompt\nn01,a crane bird\nn03,a nail of steel\n")
    counts = generate_review(config, tmp_path / "b.parquet")
    assert (counts.generated, counts.found) == (20, 40)
    # dataset synset differs in the crane and, by now, the nail
    assert generate_review(config, tmp_path / "c.parquet", "Synset-IM").found == 40


def test_a_set_with_one_prompt_per_image_is_not_reviewed(config):
    grammar = str(REPOSITORY / "resources" / "prompts" / "promptaug.yaml")
    config["datasets"]["aug"] = {"builder": "grammar", "base": "synset", "grammar": grammar, "guidance_scales": [7.5]}
    config["sets"] = {"Aug-IM": {"kind": "image", "dataset": "aug", "guidance_scale": 7.5}} | config["sets"]
    assert choose_reviewed(load_study(config)) == "Synset-IM"
    assert choose_reviewed(load_study(config | {"review": {"set": "Disamb-IM"}})) == "Disamb-IM"
    for review, message in (
        (
            {"set": "Aug-IM"},
            "config: review.set is 'Aug-IM': it is not a generated set with one prompt per class; there are Synset-IM, "
            "Disamb-IM",
        ),
        ({"set": "Disam-IM"}, "config: review.set: there is no set 'Disam-IM'; did you mean 'Disamb-IM'?"),
        ({"classifier": "x"}, "config: review.classifier: there is no classifier 'x'; there are none"),
    ):
        with pytest.raises(StudyError) as caught:
            load_study(config | {"review": review})
        assert str(caught.value) == message
    with pytest.raises(StudyError, match="nothing to review"):
        print(choose_reviewed(load_study(config | {"sets": {"AA": {"kind": "prompt", "dataset": "synset"}}})))


# The reviewer


def test_the_reviewer_is_the_first_classifier_trained_on_the_first_natural_set(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    demo = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    assert choose_reviewer(load_study(demo)) == Reviewer("classifier", "small", "Fashion-IM")
    demo["classifiers"]["small"]["train"].remove("Fashion-IM")
    assert choose_reviewer(load_study(demo)) == Reviewer("centroids", "tiny-clip", "Fashion-IM")
    other = demo["classifiers"]["small"] | {"train": ["Fashion-IM"]}
    demo["classifiers"] |= {"other": other}
    assert choose_reviewer(load_study(demo)) == Reviewer("classifier", "other", "Fashion-IM")
    assert choose_reviewer(load_study(demo | {"review": {"classifier": "small"}})) == Reviewer(
        "classifier", "small", "Synset-IM"
    )


def test_without_natural_images_the_reviewer_uses_prompts(config):
    assert choose_reviewer(load_study(config)) == Reviewer("centroids", "clip", None)
    config["encoders"] = {"inception": {"library": "timm", "model": "inception_v3"}}
    with pytest.raises(StudyError, match="there is no reviewer"):
        print(choose_reviewer(load_study(config)))


def test_the_instructions_depend_on_the_overrides(config):
    study, path = load_study(config), config["datasets"]["disamb"]["overrides"]
    assert find_overrides(study, "disamb") == find_overrides(study, "synset") == path
    del config["datasets"]["disamb"], config["sets"]["Disamb-IM"]
    assert find_overrides(load_study(config), "synset") is None
    instructions = {
        introduce_review(dataset="d", overrides=path, reads_overrides=reads, images=5, **MADE)[-1]
        for path, reads in ((None, False), ("o.csv", True), ("o.csv", False))
    }
    assert len(instructions) == 3


# The results of a class


def make_predictions(rows):
    """Make predictions from rows of (seed, class_id, index, predicted, confidence)."""
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(dict(zip(("seed", "class_id", "index", "predicted", "confidence"), columns, strict=True)))
    return frame.with_columns(pl.concat_list("predicted", pl.lit(9)).alias("predicted"))


def test_seeds_vote_on_each_image():
    predictions = make_predictions(
        [
            *[(seed, 0, 0, predicted, 0.5) for seed, predicted in enumerate([1, 2, 2])],
            *[(seed, 0, 1, predicted, share) for seed, (predicted, share) in enumerate([(1, 0.4), (2, 0.9), (0, 0.8)])],
            *[(seed, 1, 0, predicted, 0.5) for seed, predicted in enumerate([2, 0])],
        ]
    )
    expected = [(0, 0, 2), (0, 1, 2), (1, 0, 0)]
    assert vote_seeds(predictions).rows() == expected
    assert vote_seeds(predictions.sample(fraction=1, shuffle=True, seed=2)).rows() == expected


def test_centroids_have_one_vote():
    predictions = list_predictions(np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([0, 2, 2]))
    assert vote_seeds(predictions).rows() == [(0, 0, 0), (0, 1, 2), (2, 0, 2)]


def make_votes(predicted):
    """Make votes from {class_id: predicted classes of its images}."""
    rows = [(c, n, predicted) for c, listed in predicted.items() for n, predicted in enumerate(listed)]
    return pl.DataFrame(rows, schema={"class_id": pl.Int32, "index": pl.Int32, "predicted": pl.Int32}, orient="row")


def tabulate(predicted, prompts=("crane", "jay", "nail")):
    return tabulate_classes(make_votes(predicted), CLASSES, prompts, ["key", "prompt"])


def test_the_lowest_accuracy_comes_first():
    table = tabulate({0: [0, 0, 2, 1], 1: [1, 1, 1, 1], 2: [2, 0, 0, 0]})
    assert table["key"].to_list() == ["n03", "n01", "n02"]
    assert table["accuracy"].to_list() == [0.25, 0.5, 1.0]
    assert table["predicted_class"].to_list() == ["crane", "jay", None]
    assert table["predicted_class_share"].to_list() == [0.75, 0.25, None]
    low, high = wilson_interval(1, 4)
    assert table.row(0, named=True)["accuracy_low"] == low
    assert table.row(0, named=True)["accuracy_high"] == high
    assert table["prompt"].to_list() == ["nail", "crane", "jay"]


def test_two_classes_of_one_name_are_distinguished(images):
    """ImageNet's cranes are the paper's example."""
    twins = [CLASSES[0], dataclasses.replace(CLASSES[1], name="crane"), CLASSES[2]]
    votes = make_votes({0: [1, 1, 1, 0], 1: [1, 1, 1, 1], 2: [2, 2, 2, 2]})
    table = tabulate_classes(votes, twins, ["crane", "crane", "nail"], ["key", "prompt"])
    assert table.select("name", "predicted_class").row(0) == ("crane (n01)", "crane (n02)")
    assert propose_override(twins[0], "crane", ["key", "prompt"]) == 'n01,"crane, wading bird"'
    options = {"title": "", "introduction": [], "shown": 1, "reviewed_by": ""}
    page = write_page(table, pl.DataFrame(schema=HISTORY), images, votes, **options)
    assert page.count('class="wrong"') == 3
    assert page.count("<figcaption>crane (n02)</figcaption>") == 3


def test_a_class_without_images_has_no_accuracy():
    table = tabulate({0: [0], 2: [2, 2]})
    assert table.select("key", "n_images", "accuracy", "predicted_class").row(0) == ("n02", 0, None, None)


@pytest.mark.parametrize(
    ("row", "prompt", "columns", "values"),
    [
        (CLASSES[0], "crane", ["key", "prompt"], ["n01", "crane, wading bird"]),
        (CLASSES[0], "crane", ["prompt", "reason", "key"], ["crane, wading bird", "", "n01"]),
        (CLASSES[2], "nail", ["key", "prompt", "reason"], ["n03", 'a "nail" & <b>co</b>, fastener, $metal', ""]),
        (CLASSES[1], "jay, bird", ["key", "prompt"], ["n02", "jay"]),
    ],
)
def test_a_proposal_is_a_line_of_the_csv(row, prompt, columns, values):
    (read,) = csv.reader([propose_override(row, prompt, columns)])
    assert read == values


def test_there_is_no_proposal_equal_to_the_prompt():
    assert propose_override(CLASSES[0], "crane, wading bird", ["key", "prompt"]) is None
    assert propose_override(CLASSES[1], "jay", ["key", "prompt"]) is None


def test_a_proposal_can_be_pasted(config, tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text("key,prompt,reason\nn01,a crane bird,\n")
    assert read_columns(path) == ["key", "prompt", "reason"]
    path.write_text(path.read_text() + propose_override(CLASSES[2], "nail", read_columns(path)) + "\n")
    assert load_study(config).datasets["disamb"].class_texts[2] == 'a "nail" & <b>co</b>, fastener, $metal'
    assert read_columns(None) == ["key", "prompt"]


# The history


def test_the_history_gives_earlier_reviews_and_only_grows(tmp_path):
    path = tmp_path / "review" / "history.csv"
    first = tabulate({0: [1, 1, 0], 1: [1, 1, 1], 2: [2, 2, 2]})
    assert not len(keep_history(path, first, **MADE))
    texts = [path.read_bytes()]
    # a repeated job appends nothing
    assert not len(keep_history(path, first, **MADE))
    assert path.read_bytes() == texts[0]

    second = tabulate({0: [0, 1, 0], 1: [1, 1, 1], 2: [2, 2, 2]}, ["a crane bird", "jay", "nail"])
    for _ in range(2):  # interrupted after the history was written, and repeated
        before = keep_history(path, second, **MADE)
        assert before.select("review", "key", "prompt", "accuracy").rows() == [(1, "n01", "crane", 1 / 3)]
        assert (before["accuracy_low"][0], before["accuracy_high"][0]) == wilson_interval(1, 3)
    texts.append(path.read_bytes())
    history = pl.read_csv(path, schema=HISTORY)
    assert history["review"].to_list() == [1, 1, 1, 2]
    assert history.row(3, named=True)["prompt"] == "a crane bird"

    third = tabulate({0: [0, 0, 0], 1: [1, 1, 1], 2: [2, 0, 2]}, ["crane, wading bird", "jay", "a nail"])
    before = keep_history(path, third, **MADE)
    assert before.select("key", "prompt", "accuracy").rows() == [("n01", "a crane bird", 2 / 3), ("n03", "nail", 1.0)]
    texts.append(path.read_bytes())
    # back to the first prompt: the earlier one is the third
    before = keep_history(path, first, **MADE)
    assert before.select("key", "prompt").rows() == [("n01", "crane, wading bird"), ("n03", "a nail")]
    texts.append(path.read_bytes())
    assert all(later.startswith(earlier) and later != earlier for earlier, later in pairwise(texts))


def test_the_history_keeps_each_reviewer(tmp_path):
    path = tmp_path / "history.csv"
    table = tabulate({0: [0], 1: [1], 2: [0]})
    keep_history(path, table, **MADE)
    assert not len(keep_history(path, table, **MADE | {"reviewed_by": "class centroids"}))
    assert pl.read_csv(path, schema=HISTORY)["review"].to_list() == [1, 1, 1, 2, 2, 2]


# The page


class Reader(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.text, self.ids = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def images(config, tmp_path):
    config["review"] = {"images": 4}
    generate_review(config, tmp_path / "a.parquet", "Synset-IM")
    rows = read_index(tmp_path / "a.parquet").to_pylist()
    return {c: [row for row in rows if row["class_id"] == c] for c in range(3)}


def write(
    images, *, predicted, before=None, prompts=("crane", "jay", "nail"), shown=3, title="Review", introduction=("One.",)
):
    votes = make_votes(predicted)
    table = tabulate_classes(votes, CLASSES, prompts, ["key", "prompt"])
    before = before if before is not None else pl.DataFrame(schema=HISTORY)
    options = {"title": title, "introduction": introduction, "shown": shown, "reviewed_by": MADE["reviewed_by"]}
    return write_page(table, before, images, votes, **options)


def test_every_text_is_escaped(images):
    nasty = "<img src=x onerror=alert(1)> & $name"
    page = write(
        images,
        predicted={0: [2] * 4, 1: [1] * 4, 2: [2] * 4},
        prompts=(nasty, "jay", "nail"),
        title=nasty,
        introduction=[nasty],
    )
    reader = Reader(page)
    assert set(reader.tags) == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "section", "h2", "small", "table", "tr", "th", "td"),
        *("code", "div", "figure", "img", "figcaption"),
    }
    assert reader.tags.count("img") == 12
    assert reader.text.count(nasty) == 4  # two titles, the introduction, the prompt
    assert "it is <script>alert(1)</script>" in reader.text
    assert CLASSES[2].name in reader.text
    assert propose_override(CLASSES[2], "nail", ["key", "prompt"]) in reader.text


def test_a_page_is_self_contained(images):
    reader = Reader(write(images, predicted={0: [0] * 4, 1: [1] * 4, 2: [2] * 4}))
    assert len(reader.sources) == 12
    assert all(source.startswith("data:image/webp;base64,") for source in reader.sources)
    assert not {"script", "link", "iframe"} & set(reader.tags)


def test_the_caption_of_an_image_is_its_predicted_class(images):
    page = write(images, predicted={0: [0, 1, 1, 0], 1: [1] * 4, 2: [2] * 3})
    assert page.count('class="right"') == 2 + 4 + 3
    assert page.count('class="wrong"') == 2
    assert page.count('class="unclassified"') == 1
    captions = [text for text in Reader(page).text if text in ("crane", "jay")]
    assert captions.count("jay") >= 6


def test_a_page_shows_the_requested_number_of_classes_and_those_that_changed(images):
    predicted = {0: [0] * 4, 1: [1, 0, 0, 0], 2: [2, 2, 0, 0]}
    assert Reader(write(images, predicted=predicted, shown=1)).ids == ["n02"]
    before = pl.DataFrame(
        [
            {"review": 1, "key": "n01", "name": "crane", "prompt": "crane <i>", "n_images": 4, "accuracy": 0.25}
            | {"accuracy_low": 0.05, "accuracy_high": 0.7, "predicted_class": "jay", "predicted_class_share": 0.75}
            | {"generated_by": MADE["generated_by"], "reviewed_by": "another"}
        ],
        schema=HISTORY,
    )
    page = write(images, predicted=predicted, shown=1, before=before, prompts=("a crane bird", "jay", "nail"))
    reader = Reader(page)
    assert reader.ids == ["n01", "n02"]
    assert "i" not in reader.tags
    row = reader.text.index("crane <i>")
    assert reader.text[row : row + 4] == ["crane <i>", "25% [5%, 70%]", "a crane bird", "100% [51%, 100%]"]
    assert (
        "'crane <i>': 25% [5%, 70%] of 4; errors mostly classified as jay (75% of all), reviewed by another" in reader.text
    )


def test_images_are_downscaled():
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 600, 3), dtype=np.uint8)).save(data, "PNG")
    uri = make_data_uri(data.getvalue())

    image = decode_image(base64.b64decode(uri.split(",", 1)[1]))
    assert image.size == (SIDE, SIDE // 2)
    assert len(uri) < 12_000


# The jobs


def test_write_review_keeps_the_history_when_outputs_are_removed(config, tmp_path, classes_csv):
    """Run the job twice; outputs are removed in between, as Snakemake does."""
    config["review"] = {"images": 4}
    folder = tmp_path / "review"

    def review(predicted):
        generate_review(config, tmp_path / "a.parquet")
        ids, indices, predicted = np.repeat(range(3), 4), np.tile(range(4), 3), np.array(predicted)
        list_predictions(ids, indices, predicted).write_parquet(tmp_path / "predictions.parquet")
        for path in folder.glob("[!h]*"):
            path.unlink()
        write_review.main(
            SimpleNamespace(
                config=config,
                input=SimpleNamespace(predictions=tmp_path / "predictions.parquet", indices=[tmp_path / "a.parquet"]),
                output=SimpleNamespace(table=folder / "accuracy.csv", page=folder / "review.html"),
                params=SimpleNamespace(job=plan_page(load_study(config), "Disamb-IM").to_params()),
                log=[None],
                threads=1,
            )
        )
        return pl.read_csv(folder / "accuracy.csv"), (folder / "review.html").read_text()

    table, text = review([0] * 4 + [0] * 4 + [2] * 4)
    assert table.select("key", "accuracy", "prompt").row(0) == ("n02", 0.0, "jay, bird")
    assert "Changed prompts" not in text
    (tmp_path / "overrides.csv").write_text("key,prompt\nn01,a crane bird\nn02,a bird of type jay\n")
    table, text = review([0] * 4 + [1] * 4 + [2] * 4)
    assert table["accuracy"].to_list() == [1.0] * 3
    assert "Changed prompts" in text
    cells = Reader(text).text
    row = cells.index("jay, bird")
    assert cells[row : row + 4] == ["jay, bird", "0% [0%, 49%]", "a bird of type jay", "100% [51%, 100%]"]
    assert [row.name for row in read_classes(classes_csv)][1] == "jay"
