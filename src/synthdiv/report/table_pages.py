"""Pages of browsable tables that can be sorted, searched and paged, in a file that needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence

import polars as pl
import polars.selectors as cs
from itables import options
from itables.javascript import generate_init_offline_itables_html, to_html_datatable

from synthdiv.report.pages import make_page

CLASSES = "-classes"
"""The end of the key of a table with the rows of single classes."""
DIGITS = 4
"""Significant digits shown; the files have all."""
STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem; color: #222; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.3rem; } p { margin: 0.2rem 0 0.6rem; max-width: 46rem; color: #555; }
th { white-space: nowrap; } td { min-width: 3rem; } td.dt-type-numeric { white-space: nowrap; }
"""


def write_table_page(study: str, tables: Sequence[tuple[str, str, pl.DataFrame]]) -> str:
    """Return a page of tables.

    Parameters
    ----------
    study : str
        The study's name, for the page's title.
    tables : sequence of (name, description, table)
        The tables in order. Columns without any value are left out. Of a table with rows of classes and of all classes
        together, the latter are a table of their own, which comes first.

    Returns
    -------
    str
        Self-contained HTML with the tables and the scripts that sort and search them.
    """
    links, body = [], []
    for name, description, table in tables:
        links.append(f'<a href="#{name}">{html.escape(name)}</a>')
        body.append(f'<h2 id="{name}">{html.escape(name)}</h2>\n<p>{html.escape(description)}</p>')
        body += [_show(key, rows) for key, rows in _split(name, table)] or ["<p>No rows.</p>"]
    library, navigation = generate_init_offline_itables_html(options.dt_bundle), f"<nav>{' · '.join(links)}</nav>"
    return make_page(f"{study}: tables", STYLE, "\n".join([library, navigation, *body]))


def _split(name: str, table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return the rows of all classes together and those of single classes, each with a key; or all rows at once."""
    if "class_id" not in table.columns or not 0 < table["class_id"].null_count() < len(table):
        return [(name, table)] if len(table) else []
    is_whole = pl.col("class_id").is_null()
    return [(name, table.filter(is_whole)), (f"{name}{CLASSES}", table.filter(~is_whole))]


def _show(name: str, table: pl.DataFrame) -> str:
    heading = "<h3>Single classes</h3>\n" if name.endswith(CLASSES) else ""
    filled = [column for column in table.columns if table[column].null_count() < len(table)]
    shown = table.select(filled).with_columns(cs.float().round_sig_figs(DIGITS))
    kinds = {"num": cs.expand_selector(shown, cs.numeric()), "string": cs.expand_selector(shown, ~cs.numeric())}
    return heading + to_html_datatable(
        shown,
        connected=False,
        table_id=f"table-{name}",
        maxBytes=0,  # all rows
        maxColumns=0,
        scrollX=True,
        autoWidth=False,  # as are the kinds, and numbers as numbers: 20,000 rows are shown in half of the time
        columnDefs=[{"type": kind, "targets": [shown.columns.index(one) for one in own]} for kind, own in kinds.items()],
        format_floats_in_python=False,
        classes="display compact",  # sentences break into lines
        show_dtypes=False,
        text_in_header_can_be_selected=False,  # a click anywhere in a header sorts
        display_logo_when_loading=False,
    )
