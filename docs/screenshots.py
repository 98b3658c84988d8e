"""Makes the pictures of the dashboard that the documentation shows: ``make screenshots``.

The example application is served, its suite and a short walk by hand run against it, and headless Chromium takes the
pictures.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from example_app.conftest import chrome_options, chrome_service, is_served

REPOSITORY = Path(__file__).parent.parent
IMAGES = REPOSITORY / "docs" / "images"

DESK = {"width": 1200, "height": 820, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True}


@contextmanager
def serving() -> Iterator[str]:
    """The address of the example application, measured and driven by its suite."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with TemporaryDirectory() as folder:
        options = ["--data-dir", folder, "--port", str(port), "--temp-database", "--no-report"]
        command = [sys.executable, "-m", "flask", "--app", "example_app", "livecov", "serve", *options]
        with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as server:
            try:
                while not is_served(url):
                    assert server.poll() is None
                suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "example_app/tests"]
                environ = {**os.environ, "LIVECOVERAGE_URL": url}
                subprocess.run(suite, cwd=REPOSITORY, env=environ, stdout=subprocess.DEVNULL, check=True)
                yield url
            finally:
                server.terminate()


class Camera:
    """A browser that takes pictures of the dashboard."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self._driver = driver
        self._base = f"{url}/__coverage__/"

    def take(self, name: str, path: str, screen: dict[str, Any] = DESK, colours: str = "light") -> None:
        """Save a picture of a page."""
        media = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.open(path)
        IMAGES.mkdir(exist_ok=True)
        self._driver.save_screenshot(str(IMAGES / f"{name}.png"))

    def open(self, path: str) -> None:
        self._driver.get(self._base + path)
        WebDriverWait(self._driver, 30).until(self._is_complete)

    def _is_complete(self, driver: webdriver.Chrome) -> bool:
        # A page is shown before all that was recorded is counted; its script requests it again until it is.
        return "Preparing" not in driver.title and not driver.find_elements(By.CSS_SELECTOR, "[data-behind]")

    def address(self, page: str, text: str) -> str:
        """Return the address of a link on a page."""
        self.open(page)
        link = self._driver.find_element(By.PARTIAL_LINK_TEXT, text).get_attribute("href") or ""
        return link.removeprefix(self._base)

    def marked(self, page: str, *texts: str) -> str:
        """Return the address of the comparison of rows with these texts."""
        self.open(page)
        rows = self._driver.find_elements(By.CSS_SELECTOR, "tbody tr")
        boxes = [next(row for row in rows if text in row.text).find_element(By.TAG_NAME, "input") for text in texts]
        values = [quote(box.get_attribute("value") or "") for box in boxes]
        return f"ui/compare?of={values[0]}&of={values[1]}&show=all"


def walk(url: str) -> None:
    """Use the application as a tester does by hand, after a reset."""
    windows = {"a part": ["", "50/100", "api/checks"], "rounded": ["20/30", "api/checks"], "no part": ["30/20", "abc"]}
    ask(f"{url}/__coverage__/reset", b"")
    for name, paths in windows.items():
        ask(f"{url}/__coverage__/start?name={quote(name)}")
        for path in paths:
            ask(f"{url}/{path}")
    ask(f"{url}/", b"fraction=1&total=two")


def ask(url: str, form: bytes | None = None) -> None:
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(url, form).close()


def main() -> None:
    options = chrome_options()
    options.add_argument("--hide-scrollbars")
    with serving() as url, webdriver.Chrome(options=options, service=chrome_service()) as driver:
        camera = Camera(driver, url)
        source = camera.address("ui/files", "fraction.py")
        camera.take("dashboard-source", f"{source}?heat=tests&line=17")
        camera.take("dashboard-compare", camera.marked("ui/tests", "test_check_again", "test_zero_of_zero"))
        camera.take("dashboard-duplicates", "ui/duplicates")
        walk(url)
        camera.take("dashboard", "")
        camera.take("dashboard-dark", "", colours="dark")
        camera.take("dashboard-phone", "", PHONE)
    print(*sorted(path.relative_to(REPOSITORY) for path in IMAGES.glob("*.png")), sep="\n")


if __name__ == "__main__":
    main()
