"""Tables as text."""

import polars as pl
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.report.text_tables import render_table, show_table, write_html, write_latex

GAINS = pl.DataFrame(
    {
        "classifier": ["small"] * 3,
        "setting": ["prompts", "guidance_scale", "steps"],
        "gain": [0.1, -0.0491, 0.004],
        "gain_low": [0.07, -0.08, None],
        "gain_high": [0.13, 0.001, None],
        "p_value": [4.9e-8, 0.0561, None],
        "differs": [True, False, None],
        "note": ["", "", ""],
        "reliability": [None, None, None],
    }
)


def test_a_rendered_table_is_aligned_and_marks_unknown_numbers():
    table = pl.DataFrame({"name": ["a", "bcd"], "n_images": [1_250_000, None]})
    assert render_table(table).splitlines() == ["  name   n images", "  a     1,250,000", "  bcd           ?"]


def test_intervals_are_in_brackets_and_what_is_the_same_in_all_rows_is_said_once():
    assert show_table(GAINS).splitlines() == [
        "  classifier: small",
        "  setting                           gain  p value  differs",
        "  prompts           0.100 [0.070, 0.130]   <0.001  yes",
        "  guidance_scale  -0.049 [-0.080, 0.001]    0.056  no",
        "  steps                            0.004",
    ]


def test_small_numbers_have_three_digits_and_large_ones_no_decimals():
    table = pl.DataFrame({"distance": [0.00652, 0.0071], "bytes": [1234.5, 0.5], "images": [1000, 20], "empty": [0.0, 0.0]})
    assert show_table(table).splitlines() == [
        "  empty: 0",
        "  distance  bytes  images",
        "   0.00652  1,234   1,000",
        "    0.0071  0.500      20",
    ]


def test_latex_is_for_booktabs_and_bold_where_a_difference_is_beyond_noise():
    assert write_latex(GAINS, "Gains.", ["setting", "gain", "p_value"]).splitlines() == [
        "% Gains. In brackets: 95 % intervals. Bold: a difference beyond noise.",
        r"% It needs \usepackage{booktabs}.",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"setting & gain & p value \\",
        r"\midrule",
        r"prompts & \textbf{0.100 [0.070, 0.130]} & \textless{}0.001 \\",
        r"guidance\_scale & $-$0.049 [$-$0.080, 0.001] & 0.056 \\",
        r"steps & 0.004 &  \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_without_a_test_a_difference_is_bold_if_its_interval_does_not_contain_zero_and_an_accuracy_never_is():
    table = GAINS.drop("differs").rename({"gain": "loss", "gain_low": "loss_low", "gain_high": "loss_high"})
    assert r"\textbf{0.100 [0.070, 0.130]}" in write_latex(table, "")
    assert write_latex(table, "").count("textbf") == 1
    accuracies = table.rename({"loss": "top1", "loss_low": "top1_low", "loss_high": "top1_high"})
    assert "textbf" not in write_latex(accuracies, "")


def test_special_characters_are_text_in_latex_and_only_numbers_have_a_minus_sign():
    table = pl.DataFrame({"name": ["50 % of a_b & {c} \\ ~^", "Names2.5-IM"], "value": ["-7.5", "vit-b-32"]})
    rows = write_latex(table, "").splitlines()[6:8]
    assert rows[0] == r"50 \% of a\_b \& \{c\} \textbackslash{} \textasciitilde{}\textasciicircum{} & $-$7.5 \\"
    assert rows[1] == r"Names2.5-IM & vit-b-32 \\"


def test_an_unknown_column_is_named_with_a_suggestion():
    with pytest.raises(StudyError, match="there is no column 'settings'; did you mean 'setting'"):
        show_table(GAINS, ["gain", "settings"])


def test_html_has_intervals_bold_differences_and_text_as_text():
    table = GAINS.with_columns(setting=pl.Series(["a<b", "c", "d"])).select(
        "setting", "gain", "gain_low", "gain_high", "differs"
    )
    found = write_html(table)
    assert (
        '<tr><td style="text-align: left">a&lt;b</td><td style="text-align: right"><b>0.100 [0.070, 0.130]</b></td>' in found
    )
    assert found.count("<b>") == 1
    assert found.startswith("<table><thead><tr><th>setting</th><th>gain</th><th>differs</th></tr></thead>")
    assert write_html(GAINS).startswith("<div>classifier: small</div><table>")


def test_the_bounds_of_a_metric_belong_to_its_value():
    table = pl.DataFrame({"metric": ["recall", "density"], "value": [0.5, 1.5], "low": [0.4, 1.0], "high": [0.6, 2.0]})
    assert show_table(table).splitlines() == [
        "  metric                  value",
        "  recall   0.500 [0.400, 0.600]",
        "  density  1.500 [1.000, 2.000]",
    ]
    text = table.with_columns(value=pl.Series(["wide", "close"]))
    assert show_table(text).splitlines()[0].split() == ["metric", "value", "low", "high"]


def test_of_a_table_without_rows_its_columns_are_shown():
    empty = GAINS.select("setting", "gain", "gain_low", "gain_high").clear()
    assert show_table(empty) == "  setting  gain"
    assert write_latex(empty, "").splitlines()[2:5] == [r"\begin{tabular}{lr}", r"\toprule", r"setting & gain \\"]
