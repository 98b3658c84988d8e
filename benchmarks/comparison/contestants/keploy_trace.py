"""``trace.Trace`` of the standard library, as Keploy's agent for Python uses it.

The agent ("always-on trace, per-test diff, std-lib filtered") sets one ``trace.Trace(count=1, trace=0)`` for all
threads when it is imported, clears its counts when a test starts, and takes what is in them when the test ends, less
the files outside the application. (The versions of https://github.com/keploy/python-sdk, ``src/keploy_agent``, that
are public use one ``coverage.Coverage`` in the same way.)

Here a request is a test. The time that the agent sleeps at a test's end, 90 ms and more, until the counts no
longer change, is left out, and files are checked once for being the application's, not for each line: both in its
favour.
"""

from __future__ import annotations

import functools
import sys
import threading
import trace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .base import Contestant, Lines, RecordFile, written_lines

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask


class KeployTrace(Contestant):
    name = "trace"
    title = "trace.Trace (Keploy)"
    note = "A record for each test, as long as no two overlap."
    per_request = True

    def prepare(self, source: str) -> None:
        self._source = source
        self._tracer = trace.Trace(count=1, trace=0)
        sys.settrace(self._tracer.globaltrace)
        threading.settrace(self._tracer.globaltrace)

    def wrap(self, app: Flask) -> WSGIApplication:
        return TraceMiddleware(app.wsgi_app, self._tracer, self._source, RecordFile())

    def lines(self, app: Flask) -> Lines:
        return written_lines(Path.cwd())


class TraceMiddleware:
    """Clears the counts before a request, and keeps those of the application after it."""

    def __init__(self, app: WSGIApplication, tracer: trace.Trace, source: str, records: RecordFile) -> None:
        self._app = app
        self._tracer = tracer
        self._source = Path(source).resolve()
        self._records = records
        self._in_application = functools.cache(self._is_in_application)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._tracer.results().counts.clear()
        try:
            return self._app(environ, start_response)
        finally:
            self._records.write(environ["PATH_INFO"], self._application_lines())

    def _application_lines(self) -> Lines:
        lines: dict[str, set[int]] = {}
        for name, line in self._copied_counts():
            if self._in_application(name):
                lines.setdefault(name, set()).add(line)
        return lines

    def _is_in_application(self, name: str) -> bool:
        return Path(name).resolve().is_relative_to(self._source)

    def _copied_counts(self) -> dict[tuple[str, int], int]:
        while True:
            try:
                return dict(self._tracer.results().counts)
            except RuntimeError:
                # Another thread counted meanwhile.
                continue
