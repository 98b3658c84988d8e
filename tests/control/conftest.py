"""Fixtures: an application whose lines are known, and a client of its control routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_livecoverage import LiveCoverage

from .client import Start

APPLICATION = """
    from flask import Flask

    from flask_livecoverage import LiveCoverage

    def helper(deep):
        if deep:
            return "deep"
        return "flat"

    def create_app(**config):
        app = Flask(__name__)
        app.config.update(config)

        @app.get("/flat/<int:number>")
        def flat(number):
            return helper(False)

        @app.get("/deep")
        def deep():
            return helper(True)

        @app.get("/fault")
        def fault():
            raise RuntimeError("the application's own")

        @app.errorhandler(404)
        def missing(error):
            return "the application's 404", 404

        return app
"""


@pytest.fixture
def module(load_module: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.setenv("LIVECOVERAGE_SOURCE", str(tmp_path))
    return load_module(APPLICATION, "measured_app")


@pytest.fixture
def make_app(module: ModuleType) -> Callable[..., Flask]:
    def make(**config: Any) -> Flask:
        app: Flask = module.create_app(TESTING=True, PROPAGATE_EXCEPTIONS=False, **config)
        LiveCoverage(app)
        return app

    return make


@pytest.fixture
def start(make_app: Callable[..., Flask]) -> Start:
    return lambda **config: make_app(**config).test_client()


@pytest.fixture
def client(start: Start) -> FlaskClient:
    return start()
