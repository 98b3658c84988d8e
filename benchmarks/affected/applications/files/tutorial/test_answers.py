"""Whole answers of the tutorial's application."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.affected.wire import SuiteClient

LOGIN = ("POST", "/auth/login", {"username": "test", "password": "test"})
OTHER = ("POST", "/auth/login", {"username": "other", "password": "other"})
POST = {"title": "A title", "body": "A body"}
INDEX = ("GET", "/")

STORIES = {
    "hello": [("GET", "/hello")],
    "index": [INDEX],
    "index of a user": [LOGIN, INDEX],
    "register": [("GET", "/auth/register")],
    "login": [("GET", "/auth/login")],
    "registered": [
        ("POST", "/auth/register", {"username": "new", "password": "new"}),
        ("GET", "/auth/login"),
        ("POST", "/auth/login", {"username": "new", "password": "new"}),
        INDEX,
    ],
    "registered twice": [("POST", "/auth/register", {"username": "test", "password": "x"}), ("GET", "/auth/login")],
    "no name": [("POST", "/auth/register", {"username": "", "password": "x"})],
    "no password": [("POST", "/auth/register", {"username": "x", "password": ""})],
    "wrong name": [("POST", "/auth/login", {"username": "nobody", "password": "test"}), INDEX],
    "wrong password": [("POST", "/auth/login", {"username": "test", "password": "wrong"}), INDEX],
    "no form": [("POST", "/auth/login", {})],
    "logout": [LOGIN, ("GET", "/auth/logout"), INDEX],
    "create": [LOGIN, ("GET", "/create"), ("POST", "/create", POST), INDEX],
    "create without title": [LOGIN, ("POST", "/create", {"title": "", "body": "B"}), INDEX],
    "create without login": [("GET", "/create"), ("POST", "/create", POST), INDEX],
    "update": [LOGIN, ("GET", "/1/update"), ("POST", "/1/update", POST), INDEX],
    "update without title": [LOGIN, ("POST", "/1/update", {"title": "", "body": "B"}), INDEX],
    "update without login": [("GET", "/1/update")],
    "delete": [LOGIN, ("POST", "/1/delete"), INDEX],
    "delete without login": [("POST", "/1/delete"), INDEX],
    "delete with GET": [LOGIN, ("GET", "/1/delete")],
    "no post": [LOGIN, ("GET", "/7/update"), ("POST", "/7/delete")],
    "another user": [OTHER, INDEX, ("POST", "/1/update", POST), ("GET", "/1/update")],
    "no page": [("GET", "/nowhere"), ("GET", "/auth/nowhere"), ("GET", "/x/update")],
    "style": [("GET", "/static/style.css")],
    "methods": [("PUT", "/"), ("DELETE", "/auth/login"), ("OPTIONS", "/create")],
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, visitor: SuiteClient, same_as_before: Callable[[Any], None]) -> None:
    same_as_before(visitor.play(STORIES[name]))
