"""A page without a browser: it does what a browser and the page's script do, by requests to the fixture ``wire``."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from benchmarks.affected.wire import SuiteClient

VOID = {"meta", "link", "img", "input"}


class Document(HTMLParser):
    """The elements of a page: their names, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        texts: list[str] = []
        self.elements.append((tag, dict(attrs), texts))
        if tag not in VOID:
            self._open.append((tag, texts))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, texts in self._open:
            texts.append(data)

    def find(self, tag: str | None = None, **wanted: str) -> tuple[dict[str, str | None], str]:
        for name, attributes, texts in self.elements:
            found = all(value in (attributes.get(key) or "").split() for key, value in wanted.items())
            if found and tag in (None, name):
                return attributes, " ".join("".join(texts).split())
        raise LookupError(f"no {tag} {wanted}")


class Page:
    """The page that a test uses, with the methods of the page object of the suite."""

    def __init__(self, client: SuiteClient) -> None:
        self._client = client
        self.path = "/"
        self.status = ""
        self._checks: list[dict[str, Any]] = []
        self._document = Document("")

    def open(self, path: str = "/") -> Self:
        return self._load(self._client.get(path, follow_redirects=True))

    def submit(self, fraction: str, total: str) -> None:
        attributes, _ = self._document.find("form", id="check")
        method = (attributes["method"] or "get").upper()
        data = {name: value for name, value in (("fraction", fraction), ("total", total)) if self._has_field(name)}
        self._load(self._client.open(attributes["action"], method=method, data=data, follow_redirects=True))

    def _has_field(self, name: str) -> bool:
        return self._document.find("input", name=name)[0].get("name") == name

    def _load(self, response: Any) -> Self:
        self.path = response.request.path
        self._document = Document(response.get_data(as_text=True))
        self.status = ""
        script, _ = self._document.find("script")
        assert self._client.get(script["src"]).status_code == 200
        if any(attributes.get("id") == "history" for _, attributes, _ in self._document.elements):
            self._update("")
        return self

    def _call(self, method: str, **what: Any) -> Any:
        response = self._client.open(self._document.find(id="history")[0]["data-url"], method=method, **what)
        assert response.status_code < 300
        return None if response.status_code == 204 else response.get_json()

    def _update(self, message: str) -> None:
        self._checks = self._call("GET")
        self.status = message if self._checks else "No checks yet."

    @property
    def heading(self) -> str:
        return self._document.find("h1")[1]

    @property
    def notice(self) -> str:
        return self._document.find("p", **{"class": "notice"})[1]

    def text(self, name: str) -> str:
        return self._document.find(name)[1]

    def value(self, field: str) -> str | None:
        return self._document.find(id=field)[0].get("value")

    def error(self, field: str) -> str:
        return self._document.find(id=f"{field}-error")[1]

    @property
    def history(self) -> list[str]:
        return [
            f"{check['fraction']} of {check['total']}: "
            + ("Invalid" if check["percent"] is None else f"{check['percent']}%")
            for check in self._checks
        ]

    def check_again(self, row: int) -> None:
        check = self._checks[row]
        self._update(self._call("POST", json={"fraction": check["fraction"], "total": check["total"]})["verdict"])

    def clear_history(self) -> None:
        self._call("DELETE")
        self._update("")


def database() -> str:
    return urlsplit(os.environ["FLASK_SQLALCHEMY_DATABASE_URI"]).path.replace("//", "/")


@pytest.fixture(scope="session")
def first_rows() -> Iterator[sqlite3.Connection]:
    """The database as it is when the server has started."""
    with closing(sqlite3.connect(":memory:")) as copy, closing(sqlite3.connect(database())) as served:
        served.backup(copy)
        yield copy


@pytest.fixture
def rows(first_rows: sqlite3.Connection) -> None:
    """The same rows for each test."""
    with closing(sqlite3.connect(database(), timeout=2)) as served:
        first_rows.backup(served)


@pytest.fixture
def client(rows: None, wire: Callable[..., Any]) -> SuiteClient:
    return SuiteClient(wire)


@pytest.fixture
def page(client: SuiteClient) -> Page:
    return Page(client)
