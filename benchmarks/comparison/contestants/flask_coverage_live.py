"""flask-coverage from PyPI, set up as its documentation prefers: started before the application is imported.

It promises ``sys.monitoring`` from Python 3.12 on, so coverage.py is configured for it where that is not its default.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .base import Contestant, Lines
from .coverage_run import lines_now

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask


class FlaskCoverageLive(Contestant):
    name = "flask-coverage"
    title = "flask-coverage"
    note = "Totals of the process, while it runs."
    package = "flask-coverage"
    versions = ((3, 12), (3, 15))

    def prepare(self, source: str) -> None:
        from flask_coverage import start_early

        configuration = Path("coverage.ini")
        configuration.write_text(f"[run]\ncore = sysmon\nsource = {source}\n")
        start_early(str(configuration))

    def wrap(self, app: Flask) -> WSGIApplication:
        from flask_coverage import FlaskCoverage

        FlaskCoverage(app, auth=lambda: True)
        return app.wsgi_app

    def lines(self, app: Flask) -> Lines:
        return lines_now()
