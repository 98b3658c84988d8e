"""This project, as a user gets it who starts a server with ``LIVECOVERAGE=1``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
    concurrent = True

    def environ(self, source: str) -> dict[str, str]:
        return {"LIVECOVERAGE": "1", "LIVECOVERAGE_SOURCE": source}

    def wrap(self, app: Flask) -> WSGIApplication:
        from flask_livecoverage.extension import attach

        attach(app)
        return app.wsgi_app

    def lines(self, app: Flask) -> Lines:
        livecov = app.extensions["livecoverage"].livecov
        seen: dict[str, set[int]] = {}
        for trace in livecov.dump()["traces"].values():
            for name, numbers in trace.items():
                seen.setdefault(os.path.abspath(name), set()).update(numbers)
        return seen
