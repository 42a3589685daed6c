import math

import polars as pl
import pytest

from synthdiv.analysis.exchange_rate import count_kinds, measure_exchange_rate


def test_natural_and_synthetic_images_are_counted():
    assert count_kinds([("Natural-IM", 30), ("Disamb-IM", 50)], {"Natural-IM"}) == {
        "n_natural": 30,
        "n_synthetic": 50,
        "synthetic": "50 Disamb-IM",
    }
    assert count_kinds([("Natural-IM", 30)], {"Natural-IM"})["synthetic"] == ""


def make_means(top1):
    rows = [
        {"classifier": "small", "train_set": name, "evaluation_set": "Natural-IM", "n_seeds": 1, "top1": value}
        | {"top1_low": value, "top1_high": value, "top1_deviation": None}
        for name, value in top1.items()
    ]
    return pl.DataFrame(rows)


KINDS = {
    "N100": count_kinds([("N", 100)], {"N"}),
    "N400": count_kinds([("N", 400)], {"N"}),
    "N1600": count_kinds([("N", 1600)], {"N"}),
    "mixed": count_kinds([("N", 100), ("S", 500)], {"N"}),
    "S": count_kinds([("S", 500)], {"N"}),
}


def find_worth(top1):
    table = measure_exchange_rate(make_means(top1), KINDS)
    return dict(table.select("train_set", "worth_natural").iter_rows())


def test_the_worth_is_the_number_of_natural_images_with_the_same_accuracy():
    found = find_worth({"N100": 0.2, "N400": 0.4, "N1600": 0.6, "mixed": 0.5, "S": 0.1})
    assert found["mixed"] == pytest.approx(math.sqrt(400 * 1600))
    assert found["S"] is None  # below the evaluated range
    assert found["N400"] == pytest.approx(400)


def test_noise_in_the_natural_curve_is_not_a_loss():
    found = find_worth({"N100": 0.4, "N400": 0.3, "N1600": 0.6, "mixed": 0.7})
    assert found["N400"] is None
    assert found["N1600"] == pytest.approx(1600)
    assert found["mixed"] is None


def test_a_single_natural_set_gives_no_curve():
    assert set(find_worth({"N100": 0.4, "mixed": 0.5}).values()) == {None}
