"""Makes the pictures of the dashboard that the documentation shows: ``make screenshots``.

A copy of the example application is a git repository, in which a part of the suite is recorded before a change. Then it
is served, its suite and a short walk by hand run against it, and headless Chromium takes the pictures.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
TALL = {**DESK, "height": 980}
SHORT = {**DESK, "height": 380}
PHONE = {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True}


# Changes: what is replaced in a file. The second one is not committed, the third is made after the suite has run.
COMMITTED = (
    "fraction.py",
    "    return 100 * fraction // total\n",
    "    whole = 100 * fraction\n"
    "    if whole > MAX_WHOLE:\n"
    '        raise OverflowError("Enter smaller numbers.")\n'
    "    return whole // total\n",
)
UNCOMMITTED = "fraction.py", "MAX_DIGITS = 9\n", "MAX_DIGITS = 9\nMAX_WHOLE = 10**12\n"
LATER = "api.py", "    db.session.commit()\n", "    db.session.flush()\n    db.session.commit()\n"

PYTEST = ["pytest", "-q", "-p", "no:cacheprovider"]
LIVECOV = [sys.executable, "-m", "flask", "--app", "example_app", "livecov"]


def environment(**environ: str) -> dict[str, str]:
    """The environment in which programs have short names, as they stand in the pictures."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), **environ}


def run(folder: Path, *command: str, **environ: str) -> None:
    subprocess.run(command, cwd=folder, env=environment(**environ), stdout=subprocess.DEVNULL, check=True)


@contextmanager
def edited(folder: Path, name: str, before: str, after: str) -> Iterator[None]:
    """A block in which a file of the application is edited."""
    path = folder / "example_app" / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    yield
    path.write_text(text)


def make_repository(folder: Path) -> None:
    """Copy the application, record a part of its suite, and begin a branch."""
    shutil.copytree(REPOSITORY / "example_app", folder / "example_app", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text(".livecov/\n__pycache__/\nhtmlcov/\n")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "git", "config", "user.name", "Ada")
    run(folder, "git", "config", "user.email", "ada@example.org")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "Fractions in percents")
    run(folder, *LIVECOV, "run", "--temp-database", "--", *PYTEST, "example_app/tests/test_form.py")
    run(folder, "git", "checkout", "--quiet", "-b", "large-numbers")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the example application, measured and driven by its suite."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [*LIVECOV, "serve", "--port", str(port), "--temp-database", "--no-report"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL) as server:
        try:
            while not is_served(url):
                assert server.poll() is None
            run(folder, *PYTEST, "example_app/tests", LIVECOVERAGE_URL=url)
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
        self._driver.execute_script("scrollTo(0, 0)")
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
        return f"of={values[0]}&of={values[1]}"


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
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_repository(folder)
        with ExitStack() as stack:
            stack.enter_context(edited(folder, *COMMITTED))
            run(folder, "git", "commit", "--quiet", "--all", "--message", "Refuse numbers that are too large")
            stack.enter_context(edited(folder, *UNCOMMITTED))
            url = stack.enter_context(serving(folder))
            driver = stack.enter_context(webdriver.Chrome(options=options, service=chrome_service()))
            camera = Camera(driver, url)
            take_pictures_of_the_suite(camera, folder)
            walk(url)
            camera.take("dashboard", "")
            camera.take("dashboard-dark", "", colours="dark")
            camera.take("dashboard-phone", "", PHONE)
    print(*sorted(path.relative_to(REPOSITORY) for path in IMAGES.glob("*.png")), sep="\n")


def take_pictures_of_the_suite(camera: Camera, folder: Path) -> None:
    source = camera.address("ui/files", "fraction.py")
    camera.take("dashboard-source", f"{source}?heat=tests&line=21")
    marked = camera.marked("ui/tests", "test_check_again", "test_zero_of_zero")
    camera.take("dashboard-compare", f"ui/compare?{marked}&show=all")
    camera.take("dashboard-duplicates", "ui/duplicates")
    camera.take("dashboard-next", "ui/priorities", SHORT)
    with edited(folder, *LATER):
        camera.take("dashboard-change", "ui/change", TALL)
    camera.take("dashboard-runs", "ui/runs", SHORT)
    camera.take("dashboard-two-runs", f"ui/compare-runs?{camera.marked('ui/runs', 'main', 'large-numbers')}")


if __name__ == "__main__":
    main()
