"""Brings the requests of a suite to the live server, or to the application in this process.

A plugin for pytest (``-p benchmarks.affected.wire``). The suite is the same in both cases: when the baseline is
recorded, the fixture ``wire`` forwards to the server of ``livecov run``; for a mutant, it is the application itself.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.exceptions import InternalServerError
from werkzeug.test import Client

HOP_BY_HOP = {"connection", "date", "server", "transfer-encoding", "content-length"}
SHORT = 80
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# While it is set, answers are recorded instead of compared.
RECORDING = "AFFECTED_RECORDING"

# The application that was started in this process.
BOOTED: list[Any] = []


class LiveServer:
    """A WSGI application that forwards each request to a server."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
        }
        connection = HTTPConnection(self._host, timeout=60)
        try:
            body = environ["wsgi.input"].read(length) if length else None
            connection.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        start_response(f"{response.status} {response.reason}", kept)
        return [content]


class Guarded:
    """A WSGI application whose errors are answered with 500, as a server does."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            body = self._application(environ, start_response)
            try:
                return list(body)
            finally:
                getattr(body, "close", lambda: None)()
        except Exception:
            return InternalServerError()(environ, start_response)


class SuiteClient(Client):
    """A client with cookies."""

    def ask(self, method: str, path: str, **what: Any) -> tuple[int, str]:
        """The answer to a request: its status, and where it leads to, or its text, or the digest of a long text."""
        response = self.open(path, method=method, **what)
        text = response.headers.get("Location") or response.get_data(as_text=True)
        return response.status_code, shortened(text)

    def play(self, story: Sequence[Sequence[Any]]) -> list[tuple[int, str]]:
        """The answers to some requests: each a method, a path, and perhaps a content (JSON for an API) and a role."""
        return [self.ask(method, path, **_arguments(path, *what)) for method, path, *what in story]


def _arguments(path: str, content: Any = None, role: str | None = None) -> dict[str, Any]:
    """The arguments of a request with content, and with a role in a header."""
    arguments: dict[str, Any] = {} if content is None else {"json" if path.startswith("/api/") else "data": content}
    return arguments if role is None else {**arguments, "headers": {"X-Role": role}}


def shortened(text: str) -> str:
    """A text without the present time, or its digest if it is long."""
    text = MOMENT.sub("MOMENT", text)
    for day in {date.today(), datetime.now(UTC).date()}:
        text = text.replace(day.isoformat(), "TODAY")
    return text if len(text) < SHORT else hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def wire() -> Any:
    """The WSGI application that answers the suite's requests."""
    url = os.environ.get("LIVECOVERAGE_URL")
    return LiveServer(url) if url else Guarded(BOOTED[0])


@functools.cache
def read_answers(file: Path) -> Any:
    """The recorded answers in a file."""
    return json.loads(file.read_text())


@pytest.fixture
def same_as_before(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Checks that the answers of a test are those of the unchanged application, which are beside its file."""
    file = request.path.parent / "answers.json"
    name = request.node.name

    def check(answer: Any) -> None:
        plain = json.loads(json.dumps(answer))
        if os.environ.get(RECORDING):
            answers = json.loads(file.read_text()) if file.exists() else {}
            file.write_text(json.dumps({**answers, name: plain}, indent=1, sort_keys=True) + "\n")
        else:
            assert plain == read_answers(file)[name]

    return check
