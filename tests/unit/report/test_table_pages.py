"""Pages of browsable tables, in a real browser."""

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
        assert read_rows(driver, "causes")[:2] == [["bag", "0.1235"], ["<b>trunk</b>", "10.0"]]
        next(head for head in wait_for(driver, ".dt-container th") if head.text.strip() == "share").click()
        wait_until(driver, lambda: [row[0] for row in read_rows(driver, "causes")][:3] == ["bag", "coat", "<b>trunk</b>"])
        driver.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("coat")
        wait_until(driver, lambda: read_rows(driver, "causes") == [["coat", "2.0"]])
        assert "No rows." in driver.find_element(By.TAG_NAME, "body").text
        assert not list_errors(driver)
        assert not list_requests(driver)


def test_the_same_tables_make_the_same_page():
    described = [("causes", "One row per class.", pl.DataFrame({"name": ["bag"], "share": [0.5]}))]
    assert write_table_page("demo", described) == write_table_page("demo", described)
