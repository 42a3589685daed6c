"""Prompt probes: their images and their scores."""

import math

import numpy as np
import pytest
from conftest import make_embeddings, make_unit
from scipy import stats
from standin import FINGERPRINT, generate_run, make_config

from synthdiv.analysis.prompt_probes import METRICS, finish_table, score_prompts, tabulate_prompts
from synthdiv.config.generation import ProbeBuilder
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import PROBE
from synthdiv.embeddings.prompt_checks import check_prompts
from synthdiv.embeddings.table import Embeddings
from synthdiv.generation.shards import iter_blocks
from synthdiv.images.archive import read_bytes
from synthdiv.images.index import read_index
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import find_prompts, find_run, list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun
from synthdiv.prompts.class_tables import read_classes
from synthdiv.prompts.datasets import build_prompt_probe
from synthdiv.report.figures.images import CELL, plot_probe_sheets
from synthdiv.stats.intervals import wilson_interval

ENTRY = {"class": "n02", "prompts": ["jay", "a red jay"], "guidance_scale": 7.5, "reference": "Jays-IM", "images": 60}
SETS = {"sets": {"Jays-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5}}}


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = {"images_per_class": {"train": 120, "evaluation": 60}}
    return make_config(tmp_path, classes_csv, **counts, **SETS, prompt_probes={"red": dict(ENTRY)})


def blocks_of(study, run, shard):
    job = plan_generation(study, run, shard)
    return list(iter_blocks(job, find_prompts(study, run), shard.class_ids, FINGERPRINT))


def run(config, path, probe="red"):
    study = load_study(config)
    run, shard = find_run(study, {"probe": probe})
    return generate_run(study, run, shard, path)


def test_prompts_share_noises_with_each_other_and_not_with_sets(config):
    study = load_study(config)
    blocks = blocks_of(study, *find_run(study, {"probe": "red"}))
    first, second = ([seed for b in blocks if b.prompts[0] == prompt for seed in b.seeds] for prompt in ENTRY["prompts"])
    assert first == second
    assert len(set(first)) == 60
    (shard,) = list_shards(study).values()
    set_seeds = {seed for b in blocks_of(study, GenerationRun("synset", 7.5), shard) for seed in b.seeds}
    assert not set_seeds & set(first)


def test_an_index_numbers_the_images_prompt_by_prompt(config, tmp_path):
    assert run(config, tmp_path / "a.parquet").generated == 120
    rows = read_index(tmp_path / "a.parquet").to_pylist()
    assert [row["index"] for row in rows] == list(range(120))
    assert {row["class_id"] for row in rows} == {1}
    assert {row["split"] for row in rows} == {PROBE}
    assert [row["prompt"] for row in rows] == ["jay"] * 60 + ["a red jay"] * 60
    assert [row["seed"] for row in rows[:60]] == [row["seed"] for row in rows[60:]]


def test_only_new_images_are_generated_for_an_edited_or_renamed_probe(config, tmp_path):
    run(config, tmp_path / "a.parquet")
    before = [read_bytes(row["file"], row["offset"], row["size"]) for row in read_index(tmp_path / "a.parquet").to_pylist()]
    edited = dict(ENTRY, prompts=["a blue jay", "a red jay"])
    counts = run(config | {"prompt_probes": {"other": edited}}, tmp_path / "b.parquet", "other")
    assert (counts.generated, counts.found) == (60, 60)
    after = [read_bytes(row["file"], row["offset"], row["size"]) for row in read_index(tmp_path / "b.parquet").to_pylist()]
    assert after[60:] == before[60:]
    more = run(config | {"prompt_probes": {"red": dict(ENTRY, images=70)}}, tmp_path / "c.parquet")
    assert (more.generated, more.copied, more.found) == (20, 20, 100)


def test_a_block_does_not_depend_on_the_position_of_its_prompt(config, tmp_path):
    """Probes that share a prompt share its blocks: whichever runs first must write the same bytes."""
    archives = []
    for archive, prompts in (("one", ["jay", "a red jay"]), ("two", ["a red jay", "jay"])):
        run(
            config | {"archive": archive, "prompt_probes": {"red": dict(ENTRY, prompts=prompts)}},
            tmp_path / f"{archive}.parquet",
        )
        archives.append({path.name: path.read_bytes() for path in (tmp_path / archive).rglob("*.tar")})
    assert archives[0] == archives[1]
    assert len(archives[0]) == 4


def test_each_prompt_of_a_probe_is_checked_once(classes_csv):
    probe = build_prompt_probe(
        "red",
        ProbeBuilder(class_key="n02", prompts=["jay", "a red jay bird", "a red jay cat"], images=60),
        read_classes(classes_csv),
        0,
    )
    table = check_prompts(probe, "clip", lambda texts: [[0, *map(hash, text.split()), 1] for text in texts], token_limit=5)
    assert table.select("name", "index", "problem", "identical_to").rows() == [
        ("jay", 60, "truncated", None),
        ("jay", 60, "identical", "jay (probe 120)"),
        ("jay", 120, "truncated", None),
        ("jay", 120, "identical", "jay (probe 60)"),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"class": "n04"}, "probes.red.class: there is no class with the key 'n04'; did you mean 'n0"),
        ({"class": "jay"}, "probes.red.class is 'jay': write the key of this class, n02"),
        ({"reference": "Jay-IM"}, "probes.red.reference: there is no set 'Jay-IM'; did you mean 'Jays-IM'"),
        ({"reference": "Jays-PRMT"}, "probes.red.reference is 'Jays-PRMT': it is not an image set with a training split"),
        ({"generator": "gem"}, "probes.red.generator: there is no generator 'gem'; did you mean 'gen'"),
        ({"prompts": ["jay", " "]}, "probes.red.prompts[1]: the prompt is empty"),
        ({"prompts": ["jay", "a jay", "jay "]}, "probes.red.prompts[2] is 'jay': an earlier prompt is the same"),
        ({"prompts": []}, "probes.red.prompts is []: write a list of one or more texts"),
        ({"image": 3}, "config: prompt_probes.red.image: there is no such key; did you mean images?"),
    ],
)
def test_an_invalid_probe_is_an_error(config, change, sentence):
    config["sets"] = config["sets"] | {"Jays-PRMT": {"kind": "prompt", "dataset": "synset"}}
    with pytest.raises(StudyError) as caught:
        load_study(config | {"prompt_probes": {"red": ENTRY | change}})
    assert sentence in str(caught.value)


def test_probes_need_a_generator_and_an_encoder(config):
    config["datasets"]["synset"]["guidance_scales"] = config["datasets"]["disamb"]["guidance_scales"] = []
    config["sets"] = {"Jays-IM": {"kind": "image", "embeddings": "x.parquet"}}
    for missing, message in (
        ("generators", "config: prompt_probes.red: it must be generated, but the config has no generators: name one, such"),
        ("encoders", "config: prompt_probes.red: it must be embedded, but the config has no encoders: name one, such as"),
    ):
        with pytest.raises(StudyError) as caught:
            load_study(config | {missing: {}})
        assert str(caught.value).startswith(message)


# Scores in two dimensions: the centroid of class c lies at an angle of c x 60 degrees.

CENTROIDS = np.array([[math.cos(a), math.sin(a)] for a in (0, math.pi / 3, 2 * math.pi / 3)])


def make_images(degrees, *, images_per_prompt, class_id=0, excluded=()):
    """Make the images of one prompt after the other, at these angles."""
    angles = np.radians(np.concatenate([np.asarray(part, dtype=float) for part in degrees]))
    indices = np.arange(len(angles))
    keep = ~np.isin(indices, excluded)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)[keep]
    return Embeddings(np.full(keep.sum(), class_id), indices[keep], vectors, np.ones(keep.sum()))


def test_the_metrics_of_a_prompt_in_closed_form():
    images = make_images([[-10, 10, -10, 10], [20, 40, 20, 40]], images_per_prompt=4)
    first, second = score_prompts(images, 2, 4, CENTROIDS)
    assert first.nearest.tolist() == [0, 0, 0, 0]
    assert second.nearest.tolist() == [0, 1, 0, 1]
    assert first.shift == pytest.approx(0, abs=1e-15)
    assert second.shift == pytest.approx(1 - math.cos(math.radians(30)))
    rows = tabulate_prompts(["a", "b"], [first, second], ["zero", "one", "two"], {"probe": "p"})
    assert rows[0]["centroid_accuracy"] == 1.0
    assert rows[0]["mean_cosine"] == pytest.approx(math.cos(math.radians(10)))
    assert rows[1]["mean_cosine"] == pytest.approx((math.cos(math.radians(20)) + math.cos(math.radians(40))) / 2)
    # both spread by ten degrees about their own centroids, whatever their location
    assert rows[0]["centroid_distance"] == pytest.approx((1 - math.cos(math.radians(10))) ** 2)
    assert rows[1]["centroid_distance"] == pytest.approx(rows[0]["centroid_distance"])
    assert (rows[1]["centroid_accuracy_low"], rows[1]["centroid_accuracy_high"]) == wilson_interval(2, 4)
    assert (rows[0]["predicted_class"], rows[1]["predicted_class"], rows[1]["predicted_class_share"]) == (None, "one", 0.5)


def test_the_centroid_is_of_the_probes_class_and_not_of_the_first():
    """The probe's class is 1: fails if the reference or the class is swapped."""
    (score,) = score_prompts(make_images([[50, 70, 60, 100]], images_per_prompt=4, class_id=1), 1, 4, CENTROIDS)
    assert score.correct.tolist() == [True, True, True, False]
    assert score.cosines == pytest.approx(np.cos(np.radians([10, 10, 0, 40])))


def test_wrong_classes_are_listed_with_the_most_frequent_first():
    (score,) = score_prompts(make_images([[0, 60, 120, 130, 55, 110]], images_per_prompt=6), 1, 6, CENTROIDS)
    (row,) = tabulate_prompts(["a"], [score], ["zero", "one", "two"], {})
    assert (row["predicted_class"], row["predicted_class_share"], row["also_predicted_class"]) == ("two", 0.5, "one 0.333")


def test_prompts_are_paired_by_noise():
    """Image n of the second prompt is 5 degrees from image n of the first; an unpaired test would miss it."""
    rng = np.random.default_rng(3)
    angles = rng.uniform(-40, -5, size=30)
    noise = rng.normal(scale=0.5, size=30)
    images = make_images([angles, angles + 5 + noise], images_per_prompt=30)
    first, second = score_prompts(images, 2, 30, CENTROIDS)
    row = tabulate_prompts(["a", "b"], [first, second], ["0", "1", "2"], {})[1]
    expected = stats.ttest_rel(second.cosines, first.cosines)
    assert row["mean_cosine_p_value"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (row["mean_cosine_difference_low"], row["mean_cosine_difference_high"]) == pytest.approx(tuple(interval))
    assert row["mean_cosine_difference"] > 0
    assert row["n_pairs"] == 30


def test_images_without_a_partner_are_not_paired():
    images = make_images([[0, 10, 20, 30], [1, 11, 21, 31]], images_per_prompt=4, excluded=[1, 6])
    scores = score_prompts(images, 2, 4, CENTROIDS)
    rows = tabulate_prompts(["a", "b"], scores, ["0", "1", "2"], {})
    assert [row["n_images"] for row in rows] == [3, 3]
    assert rows[1]["n_pairs"] == 2
    expected = np.mean(np.cos(np.radians([1, 31])) - np.cos(np.radians([0, 30])))
    assert rows[1]["mean_cosine_difference"] == pytest.approx(expected)


def test_too_few_images_give_no_intervals_or_comparisons():
    scores = score_prompts(make_images([[0], [5]], images_per_prompt=1), 2, 1, CENTROIDS)
    table = finish_table(tabulate_prompts(["a", "b"], scores, "012", {}))
    assert table["n_pairs"].to_list() == [None, 1]
    assert table["mean_cosine_low"].is_null().all()
    assert table["centroid_accuracy_p_adjusted"].is_null().all()
    with pytest.raises(StudyError, match="no image of prompt 2 of a prompt probe is left"):
        score_prompts(make_images([[0], [5]], images_per_prompt=1, excluded=[1]), 2, 1, CENTROIDS)


def test_p_values_are_corrected_over_the_prompts_of_all_probes():
    rng = np.random.default_rng(5)
    rows = []
    for probe in ("p", "q"):
        angles = rng.uniform(-20, 20, size=40)
        parts = [angles, angles + rng.normal(2, 4, 40), angles + rng.normal(0.3, 4, 40)]
        scores = score_prompts(make_images(parts, images_per_prompt=40), 3, 40, CENTROIDS)
        rows += tabulate_prompts(["a", "b", "c"], scores, ["0", "1", "2"], {"probe": probe})
    table = finish_table(rows)
    assert table["probe"].to_list() == ["p"] * 3 + ["q"] * 3
    for metric in METRICS:
        raw = np.array([row[f"{metric}_p_value"] for row in rows if f"{metric}_p_value" in row])
        assert len(raw) == 4
        expected = stats.false_discovery_control(raw)
        assert table[f"{metric}_p_adjusted"].drop_nulls().to_list() == pytest.approx(expected.tolist())
    assert table.row(0, named=True)["mean_cosine_difference"] is None


def test_the_order_of_rows_does_not_matter():
    images = make_embeddings([0] * 20, np.random.default_rng(1).normal([1, 0.4], 0.5, size=(20, 2)), dtype=np.float16)
    shuffled = images[np.random.default_rng(2).permutation(20)]
    tables = [
        finish_table(tabulate_prompts(["a", "b"], score_prompts(one, 2, 10, make_unit(CENTROIDS)), "012", {}))
        for one in (images, shuffled)
    ]
    assert tables[0].equals(tables[1])


def test_a_sheet_has_one_row_per_prompt_and_one_column_per_noise(config, tmp_path):
    run(config, tmp_path / "a.parquet")
    rows = read_index(tmp_path / "a.parquet").to_pylist()
    images = make_images([np.linspace(-10, 10, 60), np.linspace(20, 40, 60)], images_per_prompt=60)
    head = {"probe": "red", "class": "zero", "reference": "Jays-IM"}
    scored = tabulate_prompts(ENTRY["prompts"], score_prompts(images, 2, 60, CENTROIDS), ["zero", "one", "two"], head)
    figure = plot_probe_sheets({"red": [rows[:5], rows[60:65]]}, finish_table(scored))
    (axes,) = figure.axes
    assert axes.images[0].get_array().shape == (2 * CELL, 5 * CELL, 3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ENTRY["prompts"]
    texts = [text.get_text() for text in axes.texts]
    assert "one\n50%" in texts
    assert any(text.startswith("0.50 *\n") for text in texts)
