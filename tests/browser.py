"""A real browser, headless, that reads a report as people do: every part, every figure, and what the console says."""

import contextlib
import json
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PHONE = (390, 844)
DESK = (1400, 900)
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
    """The page in Chromium, of a size in pixels."""
    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        pytest.skip("no chromedriver here: on Debian, apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    try:
        width, height = size  # a window of Chromium's is never as narrow as a phone
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(path.resolve().as_uri())
        yield driver
    finally:
        driver.quit()


def list_errors(driver):
    """What the console calls an error."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def list_requests(driver):
    """What the page asked of anything but itself."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("data:", "blob:", "about:", driver.current_url.split("#")[0]))]


def wait_for(driver, css):
    """The elements, once there are any."""
    return WebDriverWait(driver, 20).until(lambda _: driver.find_elements(By.CSS_SELECTOR, css))


def wait_until(driver, condition):
    """Until it holds, or an error."""
    WebDriverWait(driver, 20).until(lambda _: condition())


def list_parts(driver):
    """The names of the report's parts, in the order of its menu."""
    wait_for(driver, "nav a, a")
    return [a.text.strip() for a in driver.find_elements(By.TAG_NAME, "a") if a.text.strip()[:1].isdigit()]


def read_part(driver, name):
    """Open every result of a part; gives (its name, what is shown: the pixels of an image, or the words of a page)."""
    url = driver.current_url.split("#")[0]
    found = []
    count = 1
    while len(found) < count:
        driver.get(url)  # its menu, from the start
        driver.refresh()
        next(a for a in wait_for(driver, "a") if a.text.strip() == name).click()
        rows = [row for row in wait_for(driver, "tr") if row.find_elements(By.CSS_SELECTOR, "td a")]
        count = len(rows)
        row = rows[len(found)]
        label = row.text.strip()
        row.find_element(By.CSS_SELECTOR, "td a").click()
        found.append((label, _read_content(driver)))
    return found


def close_menu(driver):
    """As one does on a phone, to see the figure."""
    links = [link for link in wait_for(driver, "a") if link.is_displayed() and link.location["y"] < 20]
    max(links, key=lambda link: link.location["x"]).click()


def read_report(path):
    """What a report shows: by part and result, how much of it; its console's errors; what it asked of others."""
    with open_page(path) as driver:
        shown = {part: dict(read_part(driver, part)) for part in list_parts(driver)}
        return shown, list_errors(driver), list_requests(driver)


def _read_content(driver):
    (shown, *_) = wait_for(driver, "div.p-3 > img, iframe")
    if shown.tag_name == "img":
        WebDriverWait(driver, 20).until(lambda _: driver.execute_script("return arguments[0].complete", shown))
        return driver.execute_script("return arguments[0].naturalWidth * arguments[0].naturalHeight", shown)
    driver.switch_to.frame(shown)
    words = len(driver.find_element(By.TAG_NAME, "body").text.split())
    driver.switch_to.default_content()
    return words
