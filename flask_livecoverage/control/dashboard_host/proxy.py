"""The dashboard's routes in the measured server: answers the buttons itself, relays pages to the dashboard process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import escape
from werkzeug import Response
from werkzeug.routing import Rule

from ...errors import DataError
from ...model.text import window_name
from ...recording.recorder import Recorder
from ...settings import Settings
from ..parameters import ControlRequest, parameters
from ..run_access import reset_run
from ..shutdown import ENDING_KEY
from .events import events
from .relay import Relay
from .server_state import ServerState
from .urls import ACTIONS, PAGES, PREFIX

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# No inline scripts or styles, nothing from other sites, and no embedding in frames.
_CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip


def dashboard_rules(settings: Settings, *, build_only: bool = False) -> list[Rule]:
    """The URL rules of the dashboard's pages and actions; endpoints begin with ``livecoverage.dashboard.``."""
    rules = [(PAGES, "GET"), (ACTIONS, "POST")]
    return [
        Rule(settings.url_prefix + path, endpoint=PREFIX + name, methods=[method], build_only=build_only)
        for paths, method in rules
        for name, path in paths.items()
    ]


class Proxy:
    """Answers the requests to the dashboard."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self._recorder = recorder
        self._settings = settings
        self._relay = Relay(recorder, settings)
        self._actions: dict[str, Callable[[ControlRequest], None]] = {
            "start": self._start,
            "stop": self._stop,
            "reset": self._reset,
        }

    def answer(self, request: ControlRequest, endpoint: str) -> Response:
        """Answer ``request``. Raises the same errors as the control routes."""
        action = self._actions.get(endpoint.removeprefix(PREFIX))
        if action is not None:
            action(request)
            # Redirects, so that reloading the page does not repeat the action.
            location = f"{request.script_root}{self._settings.url_prefix}/"
            return Response(status=303, headers={"Location": location})
        if endpoint == f"{PREFIX}events":
            return self._events(request)
        response = self._relay.answer(request, self._state(request.environ))
        secure(response)
        return response

    def close(self) -> None:
        """End the dashboard process."""
        self._relay.close()

    def _events(self, request: ControlRequest) -> Response:
        environ = request.environ
        # Werkzeug's server has a thread for each connection. Others have few, or would wait for the stream when ending.
        holds = environ.get("SERVER_SOFTWARE", "").startswith("Werkzeug") and environ["wsgi.multithread"]
        return events(request, self._recorder.run, holds=holds, is_ending=environ.get(ENDING_KEY, lambda: False))

    def _state(self, environ: WSGIEnvironment) -> ServerState:
        recorder = self._recorder
        recorder.check()
        return ServerState(
            script_name=environ.get("SCRIPT_NAME", ""),
            recording=recorder.session.recording,
            engine=recorder.engine.name,
            reason=recorder.reason,
            branch=recorder.engine.branch,
            fault=recorder.session.fault,
            lost=recorder.journal.losses.unreported,
        )

    def _start(self, request: ControlRequest) -> None:
        given = parameters(request, name=lambda value: window_name(value) if value else "window")
        self._recorder.open_window(given.get("name", "window"))

    def _stop(self, request: ControlRequest) -> None:
        parameters(request)
        if not self._recorder.close_window():
            raise DataError("no window is open: it was closed already")

    def _reset(self, request: ControlRequest) -> None:
        parameters(request)
        reset_run(self._recorder)


def is_page(path: str, settings: Settings) -> bool:
    """True if ``path`` belongs to the dashboard, whose errors are shown to people."""
    prefix = settings.url_prefix
    return path.rstrip("/") == prefix or path == f"{prefix}/ui" or path.startswith(f"{prefix}/ui/")


def error_page(status: int, message: str, settings: Settings, script_name: str) -> Response:
    """Return ``message`` as HTML, made without the dashboard process, which may be the cause of the error."""
    prefix = escape(f"{script_name}{settings.url_prefix}")
    page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{status} · Live coverage</title>
<link rel="stylesheet" href="{prefix}/ui/static/dashboard.css">
<link rel="icon" href="{prefix}/ui/static/icon.svg">
<main class="message">
<h1>{status}</h1>
<p>{escape(message)}</p>
<p><a href="{prefix}/">Back to the overview</a></p>
</main>
</html>
"""
    response = Response(page, status=status, mimetype="text/html")
    secure(response)
    return response


def secure(response: Response) -> None:
    """Set headers that let browsers load and run only the dashboard's own files in a page."""
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    # Other sites do not get the address, and the dashboard's own forms still send their origin.
    response.headers["Referrer-Policy"] = "same-origin"
