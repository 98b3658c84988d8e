"""Loads the application under a contestant, in a measured process, and checks that it measures before it is timed."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any, TextIO

from werkzeug.test import EnvironBuilder

from .contestants import CONTESTANTS, Contestant
from .workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask


@dataclass(frozen=True)
class Measured:
    """An application under a contestant; ``problem`` is the reason why its figures would be meaningless, if so."""

    contestant: Contestant
    app: Flask
    wsgi: WSGIApplication
    paths: list[str]
    problem: str | None


def load(workload: Workload, contestant: Contestant) -> Measured:
    """Import the application as the contestant requires, and let it answer each request of its mix once."""
    app, wsgi, paths = opened(workload, contestant)
    for path in paths:
        request(wsgi, EnvironBuilder(path).get_environ())
    return Measured(contestant, app, wsgi, paths, _problem(contestant, app, paths))


def opened(workload: Workload, contestant: Contestant) -> tuple[Flask, WSGIApplication, list[str]]:
    """The application, the one that the contestant makes of it, and the paths of one round, before any request."""
    contestant.prepare(workload.source())
    app, paths = workload.load()
    return app, contestant.wrap(app), paths


def quiet_output() -> TextIO:
    """Return the standard output, and reserve it for replies, because coverage.py and others print there."""
    replies = sys.stdout
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return replies


def load_named(workload: str, contestant: str) -> Measured:
    """As :func:`load`, by the names of both."""
    return load(WORKLOADS[workload], CONTESTANTS[contestant])


def request(app: WSGIApplication, environ: dict[str, Any]) -> None:
    """A request through the whole WSGI protocol, without a server. Raises RuntimeError for a server's error."""
    statuses: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Any:
        statuses.append(status)
        return _write

    body = app(environ, start_response)
    try:
        _read(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    if statuses[-1] >= "500":
        raise RuntimeError(f"{environ['PATH_INFO']}: {statuses[-1]}")


def _read(body: Iterable[bytes]) -> None:
    for _ in body:
        pass


def _write(data: bytes) -> None:
    raise NotImplementedError("no application here uses the imperative write()")


def _problem(contestant: Contestant, app: Flask, paths: list[str]) -> str | None:
    """The problem, if lines of the views are missing in the contestant's data."""
    if not contestant.measures:
        return None
    seen = contestant.lines(app)
    for path in paths:
        code = _view(app, path)
        # The line of a definition runs when its module is imported, not in a request.
        body = {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
        if not body & set(seen.get(code.co_filename, ())):
            return f"does not measure: no line of {code.co_name}() in its data"
    return None


def _view(app: Flask, path: str) -> CodeType:
    endpoint, _ = app.url_map.bind("localhost").match(path.partition("?")[0])
    function = inspect.unwrap(app.view_functions[endpoint])
    return function.__code__  # type: ignore[no-any-return]
