"""Comparison of arrays in a notebook: a study's numbers, errors in words, and what is shown."""

import base64
import doctest
import re
import subprocess
import sys
from types import SimpleNamespace

import compare_sets as compare_script
import import_embeddings as import_script
import measure_set as measure_script
import numpy as np
import polars as pl
import pytest
import score_experiment as score_script
import tabulate_experiments as matrix_script
import tabulate_metrics as metrics_script
import torch
import yaml
from polars.testing import assert_frame_equal

import synthdiv
from synthdiv.api import comparison
from synthdiv.catalog.tables import TABLES
from synthdiv.core.errors import StudyError
from synthdiv.core.manifests import write_manifest
from synthdiv.core.tables import read_table
from synthdiv.jobs import embeddings, experiments, metrics
from synthdiv.plan.loading import load_study
from synthdiv.plan.sets import list_encoders

NAMES = ("Natural", "Narrow", "Far")
LABELS = np.repeat(["bag", "cap", "tie"], 20)


def draw_sets():
    """Three sets of 60 vectors of 8 values, each in an order of its own: wide, narrow, and shifted."""
    rng = np.random.default_rng(5)
    sets = {}
    for name, scale, shift in zip(NAMES, (0.5, 0.2, 0.4), (0, 0, 0.3), strict=True):
        rows = np.repeat(np.eye(8)[:3], 20, axis=0) + rng.normal(scale=scale, size=(60, 8)) + shift * np.eye(8)[4]
        order = rng.permutation(60)
        sets[name] = (rows[order], LABELS[order])
    return sets


@pytest.fixture(scope="module")
def found():
    return synthdiv.compare_sets(*draw_sets().values(), names=NAMES, images_per_class=12, neighbours=3, seed=2)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The tables of a study of the same vectors, by the scripts of its rules."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "classes.csv").write_text("class_id,key,name\n0,a,bag\n1,b,cap\n2,c,tie\n")
    sets = {}
    for name, (rows, labels) in draw_sets().items():
        ids = np.searchsorted(["bag", "cap", "tie"], labels)
        table = pl.DataFrame({"class_id": ids, "embedding": rows.tolist()})
        table.write_parquet(folder / f"{name}.parquet")
        both = {split: str(folder / f"{name}.parquet") for split in ("train", "evaluation")}
        sets[name] = {"kind": "image", "embeddings": both}
    options = {"images_per_class": 12, "neighbours": 3}
    config = {"study": "own", "seed": 2, "classes": str(folder / "classes.csv"), "sets": sets, "set_metrics": options}
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    study = load_study(config)
    encoder = list_encoders(study)[0]

    def run(script, job, inputs, **outputs):
        script.main(
            SimpleNamespace(
                config=config,
                input=SimpleNamespace(**inputs),
                output=SimpleNamespace(**outputs),
                params=SimpleNamespace(job=job.to_params()),
                resources=SimpleNamespace(device="cpu"),
                log=[None],
                threads=1,
            )
        )
        return next(iter(outputs.values()))

    manifests = {}
    for name in NAMES:
        table = run(import_script, embeddings.import_embeddings(study, name), {}, table=folder / f"{name}-unit.parquet")
        manifests[name] = folder / f"{name}.json"
        write_manifest([table], manifests[name])
    measured = []
    for one in metrics.list_measured(study):
        path = folder / f"of-{one['set_name']}.parquet"
        inputs = {"embeddings": manifests[one["set_name"]]}
        measured.append(run(measure_script, metrics.measure_set(study, **one), inputs, metrics=path))
    compared = []
    for one in metrics.list_compared(study):
        path = folder / f"{one['reference']}-{one['set_name']}.parquet"
        inputs = {"reference": manifests[one["reference"]], "embeddings": manifests[one["set_name"]]}
        compared.append(run(compare_script, metrics.compare_sets(study, **one), inputs, metrics=path))
    job = experiments.tabulate_experiments(study)
    predictions = []
    for row in job.experiments:
        inputs = {"reference": manifests[row.reference], "query": manifests[row.query]}
        own = experiments.score_experiment(study, encoder, row.reference, row.query)
        path = folder / f"{row.reference}-{row.query}-predictions.parquet"
        predictions.append(run(score_script, own, inputs, predictions=path))
    outputs = {
        "table": "experiments.csv",
        "parquet": "experiments.parquet",
        "per_class": "per_class.parquet",
        "summary": "matrix_summary.csv",
        "differences": "experiment_differences.csv",
        "by_encoder": "experiments_by_encoder.csv",
        "per_class_by_encoder": "per_class_by_encoder.parquet",
    }
    run(matrix_script, job, {"predictions": predictions}, **{key: folder / name for key, name in outputs.items()})
    outputs = {
        "table": "set_metrics.csv",
        "parquet": "set_metrics.parquet",
        "per_class": "set_metrics_per_class.parquet",
        "centroid_distance": "centroid_distance.csv",
        "centroid_distance_parquet": "centroid_distance.parquet",
        "centroid_distance_per_class": "centroid_distance_per_class.parquet",
    }
    inputs = {"sets": measured, "pairs": compared}
    run(metrics_script, metrics.tabulate_metrics(study), inputs, **{key: folder / name for key, name in outputs.items()})
    return folder


def read_train(path):
    table = read_table(path).drop("encoder", strict=False)
    return table.filter(split="train").drop("split") if "split" in table.columns else table


@pytest.mark.parametrize(
    "name", ["set_metrics", "set_metrics_per_class", "centroid_distance", "centroid_distance_per_class"]
)
def test_metrics_are_those_of_a_study_of_the_same_vectors(found, tables, name):
    expected = read_train(tables / f"{name}.parquet")
    assert len(expected) > 2
    assert_frame_equal(getattr(found, name), expected, rel_tol=0, abs_tol=1e-12, check_dtypes=False)


@pytest.mark.parametrize("name", ["experiments", "per_class"])
def test_the_matrix_is_that_of_a_study_of_the_same_vectors_without_its_diagonal(found, tables, name):
    expected = read_table(tables / f"{name}.parquet").filter(pl.col("reference") != pl.col("query"))
    expected = expected.sort(*expected.columns[1:4], maintain_order=True).drop("experiment")
    own = getattr(found, name)
    assert own["experiment"].unique().sort().to_list() == [1, 2, 3, 4, 5, 6]
    own = own.sort(*own.columns[1:4], maintain_order=True).drop("experiment")
    assert_frame_equal(own, expected, rel_tol=0, abs_tol=1e-12, check_dtypes=False)
    assert expected["centroid_accuracy"].n_unique() > 2


def test_the_tables_have_the_declared_columns(found):
    names = [name for name in vars(found) if name in TABLES]
    assert len(names) == 7
    for name in names:
        declared = [column.name for column in TABLES[name].columns if column.name not in ("encoder", "split")]
        assert sorted(getattr(found, name).columns) == sorted(declared), name


def test_sets_are_compared_at_the_size_of_the_smallest_class():
    sets = draw_sets()
    keep = np.flatnonzero(sets["Far"][1] != "cap")
    keep = np.sort(np.concatenate([keep, np.flatnonzero(sets["Far"][1] == "cap")[:15]]))
    sets["Far"] = tuple(one[keep] for one in sets["Far"])
    metrics = synthdiv.compare_sets(*sets.values(), names=NAMES).set_metrics
    assert metrics["images_per_class"].unique(maintain_order=True).to_list() == [None, 15]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tensors_with_gradients_and_of_any_precision_are_read(dtype):
    sets = draw_sets()
    given = [(torch.tensor(rows, dtype=dtype, requires_grad=True), labels) for rows, labels in sets.values()]
    assert len(synthdiv.compare_sets(*given).centroid_distance) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1; it must be a whole number from 0"),
        ({"device": "gpu"}, "device 'gpu' cannot be used: "),
        ({"names": (None, "b", "c")}, "a set's name is None; it must be a text"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, message):
    with pytest.raises(StudyError, match=f"^{message}"):
        synthdiv.compare_sets(*draw_sets().values(), **options)


def test_masked_vectors_are_refused():
    rows, labels = draw_sets()["Far"]
    masked = np.ma.array(rows, mask=np.arange(rows.size).reshape(rows.shape) == 0)
    with pytest.raises(StudyError, match="set 'query' has masked values: leave their rows out"):
        synthdiv.compare_sets((rows, labels), (masked, labels))


def test_lists_and_tensors_are_arrays_and_classes_have_names(found):
    sets = draw_sets()
    numbers = {label: n for n, label in enumerate(["bag", "cap", "tie"])}
    given = [(torch.tensor(rows), [numbers[label] for label in labels]) for rows, labels in sets.values()]
    given[0] = (given[0][0].tolist(), torch.tensor(given[0][1]))
    options = {"images_per_class": 12, "neighbours": 3, "seed": 2}
    for names in (["bag", "cap", "tie"], {2: "tie", 1: "cap", 0: "bag"}):
        again = synthdiv.compare_sets(*given, names=NAMES, class_names=names, **options)
        assert_frame_equal(again.set_metrics, found.set_metrics)
        assert_frame_equal(again.per_class, found.per_class)
    unnamed = synthdiv.compare_sets(*given, **options)
    assert unnamed.per_class["name"].unique().sort().to_list() == ["0", "1", "2"]
    assert unnamed.centroid_distance["set"].to_list() == ["reference", "query 1", "query 2"]


ROWS = np.arange(1.0, 13.0).reshape(6, 2) ** 2
AB = ["a", "a", "b", "b", "b", "b"]


def spoil(value):
    rows = ROWS.copy()
    rows[4] = value
    return rows


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (None, {}, "there is nothing to compare: give a second pair of vectors and labels"),
        (ROWS, {}, "set 'query' is no pair of vectors and labels, but ndarray: write (vectors, labels)"),
        ((ROWS[:5], AB), {}, "set 'query' has 5 vectors, but 6 labels"),
        (
            (ROWS[0], AB),
            {},
            "set 'query': its vectors must be a table of numbers, one vector per row; they have shape (2,), float64",
        ),
        (([[1, 2], [3]], ["a", "b"]), {}, "set 'query': its vectors differ in length, or its labels are no flat list"),
        (
            (ROWS, [1.5, 2, 2, 3, 3, 3]),
            {},
            "set 'query': its labels must be a list of integers or of texts; they have shape (6,), float64",
        ),
        (
            (spoil([1, np.nan]), AB),
            {},
            "set 'query', row 4: the embedding holds a value that is not finite (NaN or infinity)",
        ),
        ((spoil(0), AB), {}, "set 'query', row 4: the embedding is a zero vector, which has no direction"),
        (
            (ROWS, ["b", "b", "b", "a", "b", "b"]),
            {},
            "set 'query': class 'a' has a single vector, in row 3; diversity needs at least two vectors of a class",
        ),
        (
            (ROWS, ["b", "b", "b", "c", "c", "b"]),
            {"names": ["photographs", "generated"]},
            "the sets 'photographs' and 'generated' have different classes: only 'photographs' has 'a'; only 'generated' "
            "has 'c'. Give both the same labels, and leave out the vectors of other classes",
        ),
        (
            (ROWS, [0, 0, 1, 1, 2, 2]),
            {},
            "the sets 'reference' and 'query' have different classes: only 'reference' has 'a', 'b'; only 'query' has 0, 1, "
            "2. Give both the same labels, and leave out the vectors of other classes",
        ),
        (
            (np.ones((6, 3)), AB),
            {},
            "the sets 'reference' and 'query' can't be compared: their vectors have 2 and 3 values; were they made by "
            "different encoders?",
        ),
        ((ROWS, AB), {"names": ["one"]}, "names has 1 names for 2 sets: 'one'"),
        ((ROWS, AB), {"names": ["one", "one"]}, "two sets are named 'one'"),
        ((ROWS, AB), {"class_names": {"a": "ant"}}, "class_names has no name for the label 'b'"),
        ((ROWS, AB), {"features": "rew"}, "features is 'rew'; it must be 'unit' or 'raw'"),
        ((ROWS, AB), {"images_per_class": 1}, "images_per_class is 1: Input should be greater than or equal to 2"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(query, options, message):
    queries = [] if query is None else [query]
    with pytest.raises(StudyError) as raised:
        synthdiv.compare_sets((ROWS, AB), *queries, **options)
    assert str(raised.value) == message


def test_a_notebook_shows_tables_with_intervals_and_both_figures(found):
    html = found._repr_html_()
    row = found.experiments.row(0, named=True)
    cell = "{centroid_accuracy:.3f} [{centroid_accuracy_low:.3f}, {centroid_accuracy_high:.3f}]".format(**row)
    assert f'<td style="text-align: left">Narrow</td><td style="text-align: right">{cell}</td>' in html
    assert html.count("<h4>") == 4
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert [base64.b64decode(one)[:4] for one in images] == [b"\x89PNG"] * 2
    assert cell in str(found)


def test_figures_show_every_pair_and_every_set(found):
    first, *_ = found.plot().axes
    accuracy = {(row["reference"], row["query"]): row["centroid_accuracy"] for row in found.experiments.to_dicts()}
    shown = {text.get_position(): text.get_text() for text in first.texts}
    for row, reference in enumerate(NAMES):
        for column, query in enumerate(NAMES):
            value = accuracy.get((reference, query))
            assert shown[column, row] == ("n/a" if value is None else f"{value:.3f}")
    (bars,) = found.plot("centroid_distance").axes
    assert [bar.get_height() for bar in bars.patches] == found.centroid_distance["centroid_distance"].to_list()
    assert [round(bar.get_center()[0], 9) for bar in bars.patches] == [0, 1, 2]
    assert bars.get_legend() is None
    with pytest.raises(StudyError, match="there is no figure 'matrix'; there are 'experiments' and 'centroid_distance'"):
        found.plot("matrix")


def test_the_example_of_the_docstring_is_true():
    found = doctest.testmod(comparison)
    assert found.attempted > 5
    assert found.failed == 0


def test_the_package_imports_nothing_heavy_until_it_is_asked():
    code = """
import sys
import synthdiv
heavy = {"numpy", "polars", "torch", "matplotlib", "scipy", "sklearn", "pyarrow", "pydantic"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert "compare_sets" in dir(synthdiv)
from synthdiv import compare_sets
assert {"numpy", "polars", "matplotlib"} <= set(sys.modules)
print(sorted({"torch", "snakemake"} & set(sys.modules)))
try:
    synthdiv.compare_set
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[]\nmodule 'synthdiv' has no attribute 'compare_set'\n"
