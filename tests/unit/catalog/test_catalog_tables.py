"""Every table that a rule writes is declared, and nothing else is; each column has a meaning."""

import re

import polars as pl
import pytest
from rule_files import RULE_FILES, list_rules

from synthdiv.analysis import encoder_agreement
from synthdiv.catalog.tables import TABLES
from synthdiv.catalog.writing import IS_KIND
from synthdiv.claims import compare_published
from synthdiv.diagnosis import review

OUTPUT = re.compile(r'"<results>/(tables|review/\{\w+\})/(\w+)\.(csv|parquet)"')
RULES = [rule for path in RULE_FILES for rule in list_rules(path)]


def list_outputs(rule):
    """List the results tables that a rule writes: folder, name and ending."""
    text = re.search(r"^    output:\n((?:        .*\n)+)", rule.body, flags=re.MULTILINE)
    return OUTPUT.findall(text[1]) if text else []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_says_what_each_column_means(table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert table.about.endswith(".")
    assert table.row
    assert all(column.name and column.meaning for column in table.columns)
    for text in (table.about, table.row, table.note, *(column.meaning for column in table.columns)):
        assert "|" not in text, "it ends a cell of the reference page"
        assert "\n" not in text


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_range_is_of_numbers_and_not_empty(table):
    for column in table.columns:
        if column.low is not None or column.high is not None or column.unit:
            assert column.kind in ("integer", "number"), column.name
        if column.low is not None and column.high is not None:
            assert column.low < column.high, column.name


def test_the_rules_write_the_declared_tables_and_no_others():
    written = {
        (rule.name, folder.split("/")[0], name, ending) for rule in RULES for folder, name, ending in list_outputs(rule)
    }
    # not an output: Snakemake would delete it before the next review
    written.add(("write_review", "review", "history", "csv"))
    assert len(written) > 40
    assert written == {
        (table.rule, table.folder.split("/")[0], name, ending) for name, table in TABLES.items() for ending in table.files
    }


def test_the_scripts_of_these_rules_check_what_they_write():
    for rule in RULES:
        if list_outputs(rule):
            assert rule.script.count("write_result(") >= 1, rule.name
            assert " write_table(" not in rule.script, rule.name
        else:
            assert "write_result" not in rule.script, rule.name


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("encoder_agreement", encoder_agreement.SCHEMA),
        ("published", compare_published.SCHEMA),
        ("accuracy", review.SCHEMA),
        ("history", review.HISTORY),
    ],
)
def test_tables_that_no_small_study_has_are_declared_as_they_are_made(name, schema):
    columns = {column.name: column.kind for column in TABLES[name].columns}
    assert list(columns) == list(schema)
    assert all(IS_KIND[kind](pl.Series(dtype=schema[one]).dtype) for one, kind in columns.items())
