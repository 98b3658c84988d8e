"""Whole answers of the example application."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.affected.wire import SuiteClient

CHECKS = ("GET", "/api/checks")

STORIES = {
    "home": [("GET", "/")],
    "results": [("GET", f"/{fraction}/{total}") for fraction, total in ((1, 3), (2, 3), (3, 3), (0, 5))],
    "too large": [("GET", "/9/8")],
    "zero": [("GET", "/0/0")],
    "zero in total": [("GET", "/1/0")],
    "no page": [("GET", "/nowhere"), ("GET", "/1/x"), ("GET", "/1/-2")],
    "checks": [CHECKS],
    "added": [("POST", "/api/checks", {"fraction": 1, "total": 4}), CHECKS],
    "added too large": [("POST", "/api/checks", {"fraction": 5, "total": 4}), CHECKS],
    "added zero": [("POST", "/api/checks", {"fraction": 0, "total": 0})],
    "many added": [*(("POST", "/api/checks", {"fraction": n, "total": 20}) for n in range(12)), CHECKS],
    "nothing given": [("POST", "/api/checks", {}), CHECKS],
    "a list given": [("POST", "/api/checks", [1, 2])],
    "a text given": [("POST", "/api/checks", {"fraction": "one", "total": "4"})],
    "a negative number": [("POST", "/api/checks", {"fraction": -1, "total": "4"})],
    "ten digits": [("POST", "/api/checks", {"fraction": 1, "total": "1234567890"})],
    "nine digits": [("POST", "/api/checks", {"fraction": 1, "total": "123456789"})],
    "with spaces": [("POST", "/api/checks", {"fraction": " 1 ", "total": "4"})],
    "cleared": [("DELETE", "/api/checks"), CHECKS],
    "form": [("POST", "/", {"fraction": "3", "total": "4"}), ("GET", "/3/4"), ("GET", "/3/4"), CHECKS],
    "form without numbers": [("POST", "/", {"fraction": "", "total": ""})],
    "form with one number": [("POST", "/", {"fraction": "7", "total": ""}), CHECKS],
    "form with a text": [("POST", "/", {"fraction": "x<y", "total": "9"})],
    "style": [("GET", "/static/style.css")],
    "script": [("GET", "/static/history.js")],
    "methods": [("PUT", "/"), ("PATCH", "/api/checks"), ("DELETE", "/1/2")],
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, client: SuiteClient, same_as_before: Callable[[Any], None]) -> None:
    same_as_before(client.play(STORIES[name]))
