"""Fixtures: a real browser, and a measured application that tests call as a server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from selenium import webdriver

from example_app.conftest import chrome_options, chrome_service
from flask_livecoverage import LiveCoverage

from .servers import APPLICATION, EVIL, SECONDS


@pytest.fixture(scope="package")
def driver() -> Iterator[webdriver.Chrome]:
    options = chrome_options()
    options.add_argument(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1")
    with webdriver.Chrome(options=options, service=chrome_service()) as browser:
        browser.set_script_timeout(SECONDS)
        yield browser


@pytest.fixture
def app(load_module: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Flask:
    monkeypatch.setenv("LIVECOVERAGE_SOURCE", str(tmp_path))
    app: Flask = load_module(APPLICATION, "application").app
    app.testing = True
    LiveCoverage(app)
    return app
