"""A ``coverage.Coverage`` object for each request: the usual recipe of a middleware.

So does ``FlaskCoverageMiddleware`` of Keploy's package for Python (``keploy`` 2.0.0a39 on PyPI, ``flaskCov.py``), and
so do many articles. Two changes in its favour: it measures the application alone, and appends its records to a file in
place of writing a whole YAML document again for each request.

coverage.py registers each object that was started with :mod:`atexit`, so none is ever freed. With ``data_file=None``
that is some 100 KiB for each request; with a file it would be a sixth of that, and slower.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .base import Contestant, Lines, RecordFile, written_lines
from .coverage_run import lines_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask


class CoveragePerRequest(Contestant):
    name = "coverage-request"
    title = "Coverage per request"
    note = "A record for each request, as long as no two overlap; no object is freed before the process ends."
    per_request = True

    def prepare(self, source: str) -> None:
        self._source = source

    def wrap(self, app: Flask) -> WSGIApplication:
        return CoverageMiddleware(app.wsgi_app, self._source, RecordFile())

    def lines(self, app: Flask) -> Lines:
        return written_lines(Path.cwd())


class CoverageMiddleware:
    """Starts coverage.py before a request, stops it after, and keeps the recorded lines."""

    def __init__(self, app: WSGIApplication, source: str, records: RecordFile) -> None:
        self._app = app
        # With `source`, each object would search the whole folder for files that were not executed.
        self._include = [f"{source}/*"]
        self._records = records

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        from coverage import Coverage

        measured = Coverage(data_file=None, include=self._include, config_file=False, messages=False)
        measured.start()
        try:
            return self._app(environ, start_response)
        finally:
            measured.stop()
            self._records.write(environ["PATH_INFO"], lines_of(measured))
