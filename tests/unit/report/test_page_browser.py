"""The summary page in a real browser: opened from a file, sorted, searched, and read by keyboard alone."""

import base64

import pytest
from browser import list_errors, list_requests, open_page, wait_until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium_axe_python import Axe
from small_page import make_html, make_view

NARROW, WIDE = (400, 390), (1400, 900)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "summary.html"
    path.write_text(make_html(), encoding="utf-8")
    return path


def list_classes(driver):
    script = "return [...document.querySelectorAll('#class-table tbody tr')].filter(row => !row.hidden)"
    return driver.execute_script(f"{script}.map(row => row.cells[0].innerText)")


def set_theme(driver, scheme):
    theme = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", theme)


def set_width(driver, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wait_until(driver, lambda: driver.execute_script("return innerWidth") == width)


def open_details(driver):
    driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def read_style(driver, css, name):
    return driver.execute_script("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, name)


def measure_luminance(colour):
    """The relative luminance of a computed colour, by WCAG 2."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_it_sorts_searches_and_opens_a_class_by_keyboard(page):
    with open_page(page, WIDE) as driver:
        assert list_classes(driver) == ["dog", "cat", "eel"]
        (sort_by_a, sort_by_c) = driver.find_elements(By.CSS_SELECTOR, "#class-table th button")[1::2]
        sort_by_c.send_keys(Keys.ENTER)
        assert list_classes(driver) == ["cat", "eel", "dog"]  # C loses most of cats
        assert driver.find_elements(By.CSS_SELECTOR, "#class-table th[aria-sort=descending]")
        sort_by_c.send_keys(Keys.ENTER)
        assert list_classes(driver) == ["dog", "eel", "cat"]
        sort_by_a.send_keys(Keys.SPACE)
        assert list_classes(driver) == ["dog", "cat", "eel"]
        search = driver.find_element(By.ID, "search")
        search.send_keys("EE")
        assert list_classes(driver) == ["eel"]
        assert driver.find_element(By.ID, "found").text == "1 of 3 shown"
        shown = [one.text for one in driver.find_elements(By.CSS_SELECTOR, "details.class") if one.is_displayed()]
        assert shown == ["eel"]
        search.send_keys(Keys.TAB)
        while driver.switch_to.active_element.get_attribute("href") is None:  # past the columns' buttons
            driver.switch_to.active_element.send_keys(Keys.TAB)
        driver.switch_to.active_element.send_keys(Keys.ENTER)
        opened = wait_until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "details.class[open]"))
        assert "an eel" in opened[0].text
        opened[0].find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
        wait_until(driver, lambda: not driver.find_elements(By.CSS_SELECTOR, "details.class[open]"))
        assert not list_errors(driver)
        assert not list_requests(driver)


def test_a_figure_is_copied_as_picture_as_latex_and_as_csv_by_keyboard(page):
    with open_page(page, WIDE) as driver:
        driver.execute_script(
            "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.copied = text; }}})"
        )
        copied = {}
        button = driver.find_element(By.CSS_SELECTOR, "button[data-copy=forest-0]")
        for kind in ("SVG", "LaTeX", "CSV"):
            assert button.text == kind
            button.send_keys(Keys.ENTER)
            copied[kind] = wait_until(driver, lambda: driver.execute_script("return window.copied"))
            wait_until(driver, lambda button=button: button.text == "Copied")
            driver.execute_script("window.copied = null")
            button.send_keys(Keys.TAB)
            assert button.text == kind
            button = driver.switch_to.active_element
        parsed = "return new DOMParser().parseFromString(arguments[0], 'image/svg+xml').documentElement.tagName"
        assert driver.execute_script(parsed, copied["SVG"]) == "svg"
        assert "var(" not in copied["SVG"]  # colours of its own
        assert "#000000" in copied["SVG"]
        (drawing,) = (drawing for _, drawing in make_view().forests)
        assert (copied["LaTeX"], copied["CSV"]) == (drawing.latex, drawing.csv)
        assert not list_requests(driver)


def test_inside_the_report_links_to_tables_are_their_names(page, tmp_path):
    """The report has the page as a data URI: no file is next to it."""
    report = tmp_path / "report.html"
    report.write_text(f'<iframe src="data:text/html;base64,{base64.b64encode(page.read_bytes()).decode()}"></iframe>')
    links = "return [...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))"
    with open_page(page, WIDE) as driver:
        assert "tables/accounts.csv" in driver.execute_script(links)
    with open_page(report, WIDE) as driver:
        driver.switch_to.frame(0)
        assert {link[0] for link in driver.execute_script(links)} == {"#"}
        assert "tables/accounts.csv" in driver.find_element(By.CSS_SELECTOR, "#sets .tools").text
        assert not list_errors(driver)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_and_theme(page, scheme):
    with open_page(page, WIDE) as driver:
        set_theme(driver, scheme)
        for css in ("body", ".dim", ".cards h3"):
            ink, paper = (
                measure_luminance(read_style(driver, *one)) for one in ((css, "color"), ("body", "backgroundColor"))
            )
            assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 4.5, css
            assert (ink > paper) == (scheme == "dark")
        assert (measure_luminance(read_style(driver, "#forest-0 text", "fill")) > 0.5) == (scheme == "dark")
        open_details(driver)
        for width in (WIDE[0], *NARROW):
            set_width(driver, width)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
            assert driver.find_element(By.CSS_SELECTOR, ".headline").rect["y"] < 400  # on the first screen
        assert not list_errors(driver)
        assert not list_requests(driver)


def test_axe_finds_no_violation(page):
    with open_page(page, WIDE) as driver:
        axe = Axe(driver)
        axe.inject()
        open_details(driver)
        for scheme in ("light", "dark"):
            set_theme(driver, scheme)
            for width in (WIDE[0], NARROW[0]):
                set_width(driver, width)
                found = axe.run()
                assert {"color-contrast", "label", "button-name"} <= {rule["id"] for rule in found["passes"]}
                assert not found["violations"], f"{scheme}, {width}: {axe.report(found['violations'])}"
