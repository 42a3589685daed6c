"""Open pages in a real, headless browser and read a report as people do: every part, every figure, and the console."""

import contextlib
import json
import shutil

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PHONE = (390, 844)
DESK = (1400, 900)
POLL = 0.05  # seconds
PATIENCE = 60  # seconds; a busy machine is slow
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def open_page(path, size=DESK):
    """Open a page in Chromium with a window size in pixels."""
    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        pytest.skip("no chromedriver here: on Debian, apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    try:
        width, height = size  # Chromium's windows are never as narrow as a phone
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(path.resolve().as_uri())
        yield driver
    finally:
        driver.quit()


def list_errors(driver):
    """List the console's errors."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def list_requests(driver):
    """List the page's requests for external resources."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("data:", "blob:", "about:", driver.current_url.split("#")[0]))]


def wait_for(driver, css):
    """Wait for matching elements and return them."""
    return wait_until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, css))


def wait_until(driver, condition):
    """Wait until the condition holds and return its value; raise an error with the page's text if it does not."""
    shown = "document.body.innerText.slice(0, 500)"
    try:
        return WebDriverWait(driver, PATIENCE, POLL).until(lambda _: condition())
    except TimeoutException as error:
        raise AssertionError(
            f"the page did not change in {PATIENCE} s: {driver.execute_script(f'return {shown}')}"
        ) from error


SHOWN = "div.p-3 > img, iframe"
"""Selector of the result that a report shows."""
ROWS = "[...document.querySelectorAll('tr')].filter(row => row.querySelector('td a'))"
"""JavaScript for the results of the open part."""


def list_links(driver):
    """List the texts of the menu's links."""
    return driver.execute_script("return [...document.querySelectorAll('a')].map(link => link.innerText.trim())")


def list_parts(driver):
    """List the names of the report's parts, in the order of its menu."""
    wait_until(driver, lambda: any(text[:1].isdigit() for text in list_links(driver)))
    return [text for text in list_links(driver) if text[:1].isdigit()]


def click_link(driver, text):
    """Click the menu's link with this text, as soon as it exists."""
    found = "[...document.querySelectorAll('a')].find(link => link.innerText.trim() === arguments[0])"
    wait_until(driver, lambda: driver.execute_script(f"const link = {found}; link?.click(); return !!link", text))


def read_part(driver, name):
    """Open every result of a part and return (name, size): the pixels of an image, or the words of a page."""
    if "Results" in list_links(driver):
        click_link(driver, "Results")  # from another part to the menu
    click_link(driver, name)
    wait_until(driver, lambda: driver.execute_script(f"return {ROWS}.length"))
    labels = driver.execute_script(f"return {ROWS}.map(row => row.innerText.trim())")
    return [(label, _read_result(driver, place)) for place, label in enumerate(labels)]


def _read_result(driver, place):
    # The click is the page's own: a click at a place on the screen is lost if the page moves meanwhile.
    click = f"{ROWS}[{place}].querySelector('td a').click()"
    driver.execute_script(f"window.before = document.querySelector('{SHOWN}')?.src; {click}")
    another = f"const shown = document.querySelector('{SHOWN}'); return shown && shown.src !== window.before"
    wait_until(driver, lambda: driver.execute_script(another))
    (shown, *_) = driver.find_elements(By.CSS_SELECTOR, SHOWN)
    if shown.tag_name == "img":
        loaded = "return arguments[0].complete && arguments[0].naturalWidth * arguments[0].naturalHeight"
        return wait_until(driver, lambda: driver.execute_script(loaded, shown))
    driver.switch_to.frame(shown)
    words = wait_until(driver, lambda: driver.find_element(By.TAG_NAME, "body").text.split())
    driver.switch_to.default_content()
    return len(words)


def close_menu(driver):
    """Close the menu, as on a phone, to see the figure."""
    links = [link for link in wait_for(driver, "a") if link.is_displayed() and link.location["y"] < 20]
    max(links, key=lambda link: link.location["x"]).click()


def read_report(path):
    """Read a report: the size of each result by part, the console's errors, and requests for external resources."""
    with open_page(path) as driver:
        shown = {part: dict(read_part(driver, part)) for part in list_parts(driver)}
        return shown, list_errors(driver), list_requests(driver)
