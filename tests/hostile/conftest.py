"""A real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from example_app.conftest import chrome_options, chrome_service

from .servers import EVIL, SECONDS


@pytest.fixture(scope="package")
def driver() -> Iterator[webdriver.Chrome]:
    options = chrome_options()
    options.add_argument(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1")
    with webdriver.Chrome(options=options, service=chrome_service()) as browser:
        browser.set_script_timeout(SECONDS)
        yield browser
