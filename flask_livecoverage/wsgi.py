"""Serves a Flask application, unchanged, under any WSGI server: ``gunicorn flask_livecoverage.wsgi:app``.

``FLASK_APP`` names the application, as for the ``flask`` command; ``livecov run --server`` sets it. Recording starts
before the application is imported, so its start-up is measured too. For an application without Flask, see
:mod:`.measured`.
"""

from __future__ import annotations

import os

from flask.cli import ScriptInfo

from .extension import attach
from .recording.process import start_recording
from .settings import is_active, load_settings

_settings = load_settings({})
if is_active(_settings, {}):
    start_recording(_settings)

app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()

if is_active(_settings, app.config):
    attach(app)
