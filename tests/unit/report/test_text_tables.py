"""Tables as text."""

import polars as pl

from synthdiv.report.text_tables import render_table


def test_a_rendered_table_is_aligned_and_marks_unknown_numbers():
    table = pl.DataFrame({"name": ["a", "bcd"], "n_images": [1_250_000, None]})
    assert render_table(table).splitlines() == ["  name   n images", "  a     1,250,000", "  bcd           ?"]
