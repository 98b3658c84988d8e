"""An application whose lines are known, and a client of its control routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_livecoverage import LiveCoverage

PREFIX = "/__coverage__"

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

Start = Callable[..., FlaskClient]


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


def ok(client: FlaskClient, path: str, method: str = "GET", **options: Any) -> Any:
    response = client.open(f"{PREFIX}/{path}", method=method, **options)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    return response.get_json()


def bad(client: FlaskClient, path: str, status: int, method: str = "GET", **options: Any) -> dict[str, Any]:
    response = client.open(f"{PREFIX}/{path}", method=method, **options)
    assert response.status_code == status
    assert response.content_type == "application/json"
    document: dict[str, Any] = response.get_json()
    assert "\n" not in document["error"]
    return document
