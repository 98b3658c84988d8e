"""A browser and the address of the live server, for the suites in ``tests`` and ``standalone``."""

import os
import shutil
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from .tests.pages import Page

CHROME = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMEDRIVER = ("chromedriver", "chromium.chromedriver")


@pytest.fixture(scope="session")
def base_url() -> str:
    """The address that `flask livecov run` sets; otherwise the one at which `flask` serves by default."""
    url = os.environ.get("LIVECOVERAGE_URL", "http://127.0.0.1:5000").rstrip("/")
    if not is_served(url):
        pytest.fail(f"No server answers at {url}: README.rst explains how to start it.", pytrace=False)
    return url


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    """One headless Chromium; chromedriver gives it a fresh profile and removes that at the end."""
    with webdriver.Chrome(options=chrome_options(), service=chrome_service()) as browser:
        yield browser


@pytest.fixture
def page(base_url: str, driver: webdriver.Chrome) -> Page:
    return Page(driver, base_url)


def is_served(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port or 80), timeout=5).close()
    except OSError:
        return False
    return True


def chrome_options() -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = installed("CHROME", CHROME) or ""
    for argument in (
        "--headless=new",
        "--window-size=1200,900",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",  # containers keep /dev/shm too small for Chromium
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
    ):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Chromium refuses to run its sandbox as root, the usual user in a CI container.
        options.add_argument("--no-sandbox")
    return options


def chrome_service() -> Service:
    return Service(executable_path=installed("CHROMEDRIVER", CHROMEDRIVER))


def installed(variable: str, names: tuple[str, ...]) -> str | None:
    """The program that the environment names, or the first on PATH; None for Selenium Manager's."""
    return os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
