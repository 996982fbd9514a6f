"""A headless browser for tests of pages, and what a page does in it."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module", name="browser")
def chromium():
    """Headless Chromium of this machine."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with driver.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=path, args=options)
        except driver.Error as error:
            pytest.skip(f"{path} does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


class Visit:
    """A page that is open, what it said in its console, and what it asked for."""

    def __init__(self, browser, path, width=1400, height=900):
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.said, self.fetched = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.fetched.append(request.url[:40]))
        self.page.goto(path.as_uri())

    def seconds(self):
        """From the start until everything was there."""
        return self.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()
