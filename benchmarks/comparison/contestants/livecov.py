"""This project, as in a server that is started with ``LIVECOVERAGE=1``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import Contestant, Lines

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask


class LiveCov(Contestant):
    name = "livecov"
    title = "Flask-LiveCoverage"
    note = "Each request's own lines, on disk before its response leaves; with totals."
    rival = False
    per_request = True

    def environ(self, source: str) -> dict[str, str]:
        return {"LIVECOVERAGE": "1", "LIVECOVERAGE_SOURCE": source}

    def wrap(self, app: Flask) -> WSGIApplication:
        from flask_livecoverage.extension import attach

        attach(app)
        return app.wsgi_app

    def lines(self, app: Flask) -> Lines:
        seen: dict[str, set[int]] = {}
        for trace in _dump(app)["traces"].values():
            for name, numbers in _absolute(trace).items():
                seen.setdefault(name, set()).update(numbers)
        return seen

    def records(self, app: Flask) -> Mapping[str, Lines]:
        dump = _dump(app)
        traces = {name: _absolute(lines) for name, lines in dump["traces"].items()}
        return {record["path"]: traces[record["trace"]] for record in dump["requests"]}


def _dump(app: Flask) -> dict[str, Any]:
    return app.extensions["livecoverage"].livecov.dump()


def _absolute(lines: Lines) -> Lines:
    """Make a path absolute: recorded ones are relative to the folder in which the server was started."""
    return {os.path.abspath(name): numbers for name, numbers in lines.items()}
