"""Requests to the control routes of a test's application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

PREFIX = "/__coverage__"

# Makes an application with these settings, and returns its client.
Start = Callable[..., FlaskClient]


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
