"""Pages of browsable tables, in a real browser."""

import math

import polars as pl
from browser import list_errors, list_requests, open_page, wait_for, wait_until
from selenium.webdriver.common.by import By

from synthdiv.report.table_pages import write_table_page


def read_rows(driver, name):
    script = "return [...document.querySelectorAll(arguments[0])].map(row => [...row.cells].map(cell => cell.innerText))"
    return driver.execute_script(script, f"#table-{name} tbody tr")


def test_a_table_is_sorted_and_searched_without_a_network(tmp_path):
    names = ["bag", "<b>trunk</b>", *(f"class {n}" for n in range(28)), "coat"]
    shares = [0.123456, 10.0, *(20.0 + n for n in range(28)), 2.0]
    unknown = pl.Series([None] * 31, dtype=pl.Float64)
    table = pl.DataFrame({"name": names, "share": shares, "unknown": unknown})
    page = tmp_path / "page.html"
    empty = table.clear()
    described = [("causes", "One row per class.", table), ("interventions", "One row per intervention.", empty)]
    page.write_text(write_table_page("demo", described), encoding="utf-8")
    with open_page(page) as driver:
        wait_for(driver, "input[type=search]")  # the page is complete
        assert read_rows(driver, "causes")[:2] == [["bag", "0.1235"], ["<b>trunk</b>", "10"]]
        next(head for head in wait_for(driver, ".dt-container th") if head.text.strip() == "share").click()
        wait_until(driver, lambda: [row[0] for row in read_rows(driver, "causes")][:3] == ["bag", "coat", "<b>trunk</b>"])
        driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("coat")
        wait_until(driver, lambda: read_rows(driver, "causes") == [["coat", "2"]])
        assert "No rows." in driver.find_element(By.TAG_NAME, "body").text
        assert not list_errors(driver)
        assert not list_requests(driver)


def test_the_same_tables_make_the_same_page():
    described = [("causes", "One row per class.", pl.DataFrame({"name": ["bag"], "share": [0.5]}))]
    assert write_table_page("demo", described) == write_table_page("demo", described)


def test_rows_of_all_classes_come_first(tmp_path):
    rows = [(name, n, f"class {n}", value) for name in "AB" for n, value in ((0, 0.5), (None, math.nan), (1, math.inf))]
    table = pl.DataFrame(rows, schema=["set", "class_id", "name", "error"], orient="row")
    page = tmp_path / "page.html"
    page.write_text(write_table_page("demo", [("error_split", "One row per set and class.", table)]), encoding="utf-8")
    with open_page(page) as driver:
        wait_until(driver, lambda: len(driver.find_elements(By.CSS_SELECTOR, "table.dataTable tbody tr")) == 6)
        assert [row[:2] for row in read_rows(driver, "error_split")] == [["A", "class None"], ["B", "class None"]]
        shown = read_rows(driver, "error_split-classes")
        assert [row[:3] for row in shown] == [
            ["A", "0", "class 0"],
            ["A", "1", "class 1"],
            ["B", "0", "class 0"],
            ["B", "1", "class 1"],
        ]
        headings = [one.text for one in driver.find_elements(By.CSS_SELECTOR, "h2, h3")]
        assert headings == ["error_split", "Single classes"]
        assert not list_errors(driver)
