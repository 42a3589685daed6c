"""The agreement of two encoders, on synthetic values."""

import polars as pl

from synthdiv.analysis.encoder_agreement import compare_encoders


def make_values(**by_encoder):
    return pl.DataFrame(
        [
            {"encoder": encoder, "metric": "f", "item": item, "value": value, "low": value - 0.5, "high": value + 0.5}
            for encoder, values in by_encoder.items()
            for item, value in values.items()
        ]
    )


def test_the_same_order():
    values = make_values(one={"a": 1.0, "b": 3.0, "c": 5.0}, two={"a": 10.0, "b": 30.0, "c": 50.0})
    (row,) = compare_encoders(values, ["one", "two"]).iter_rows(named=True)
    assert (row["spearman"], row["n_values"], row["n_pairs"]) == (1.0, 3, 3)
    assert (row["n_clear_pairs"], row["n_clear_pairs_in_other"], row["n_agreed"], row["n_reversed"]) == (3, 3, 3, 0)


def test_a_reversal_is_a_disagreement_and_noise_is_not():
    values = make_values(one={"a": 1.0, "b": 3.0, "c": 5.0}, two={"a": 4.0, "b": 3.9, "c": 2.0, "d": 9.0})
    (row,) = compare_encoders(values, ["one", "two"]).iter_rows(named=True)
    assert row["spearman"] == -1.0
    assert (row["n_values"], row["n_clear_pairs"], row["n_clear_pairs_in_other"]) == (3, 3, 2)
    assert (row["n_agreed"], row["n_reversed"]) == (0, 2)


def test_no_common_items_give_no_row():
    values = make_values(one={"a": 1.0, "b": 2.0}, two={"c": 1.0})
    assert compare_encoders(values, ["one", "two"]).is_empty()
