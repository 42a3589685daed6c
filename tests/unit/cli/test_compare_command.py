"""The command compare: what two studies have in common, and the differences."""

import polars as pl
import pytest

from synthdiv.core.results_format import write_results_format
from synthdiv.core.tables import write_table
from synthdiv.report.comparison import compare_studies, read_tables
from synthdiv.stats.differences import difference_interval


def write_results(folder, top1, *, sets=("Names", "Pets"), bounds=True):
    write_results_format(folder)
    means = {"classifier": "small", "train_set": list(sets), "evaluation_set": "Pets", "top1": top1}
    means |= {"top1_low": top1 - 0.1 if bounds else None, "top1_high": top1 + 0.2 if bounds else None}
    write_table(pl.DataFrame(means), folder / "tables" / "classifier_means.csv")
    metrics = {"encoder": "clip", "set": "Names", "reference": [None, "Pets"], "metric": ["vendi", "recall"]}
    metrics |= {"split": "train", "images_per_class": [None, 5 if top1 > 0.5 else None]}
    metrics |= {"value": [2.0, 0.4], "low": [1.0, 0.3], "high": [3.0, 0.5]}
    write_table(pl.DataFrame(metrics), folder / "tables" / "set_metrics.csv")


def test_values_of_the_same_names_stand_side_by_side_with_the_interval_of_their_difference(pets):
    pets.write()
    write_results(pets.results, 0.5)
    write_results(pets.folder / "other", 0.6, sets=("Pets", "Wolves"))
    low, high = difference_interval(0.5, (0.4, 0.7), 0.6, (0.5, 0.8))
    found = compare_studies(read_tables(pets.results), read_tables(pets.folder / "other"))
    values = {"first": 0.5, "first_low": 0.4, "first_high": 0.7, "second": 0.6, "second_low": 0.5, "second_high": 0.8}
    (row,) = found["classifier_means"].to_dicts()
    assert row["train_set"] == "Pets"
    assert {name: row[name] for name in values} == pytest.approx(values)
    assert (row["difference"], row["difference_low"], row["difference_high"]) == pytest.approx((0.1, low, high))
    # of recall, the two have different numbers of images
    assert found["set_metrics"].select("metric", "reference", "difference").rows() == [("vendi", None, 0.0)]
    done = pets.run("compare", "study.yaml", "other")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("first: results/pets\nsecond: other\nDifferences are second minus first.")
    assert "\nclassifier_means\n" in done.stdout
    assert f"0.500 [0.400, 0.700]  0.600 [0.500, 0.800]  0.100 [{low:.3f}, {high:.3f}]\n" in done.stdout


def test_without_intervals_there_is_only_the_difference(pets):
    for name, top1 in (("one", 0.5), ("two", 0.25)):
        write_results(pets.folder / name, top1, bounds=False)
    found = compare_studies(read_tables(pets.folder / "one"), read_tables(pets.folder / "two"))["classifier_means"]
    assert found.select("train_set", "difference", "difference_low").rows() == [
        ("Names", -0.25, None),
        ("Pets", -0.25, None),
    ]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (None, "two has none of the tables classifier_means, interventions, "),
        (("Wolves",), "the two studies measured nothing under the same names"),
    ],
)
def test_nothing_to_compare_is_a_sentence(pets, sets, message):
    write_results(pets.folder / "one", 0.5)
    (pets.folder / "two").mkdir()
    if sets is not None:
        write_results(pets.folder / "two", 0.5, sets=sets)
        (pets.folder / "two" / "tables" / "set_metrics.csv").unlink()
    done = pets.run("compare", "one", "two")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {message}")
