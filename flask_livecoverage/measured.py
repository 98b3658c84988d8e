"""Measures any WSGI application, of any framework or none, as the extension measures a Flask application."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .settings import DATABASE_VARIABLE, Settings, is_active, load_settings, resolved

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from .control.application import ControlMiddleware
    from .middleware.wsgi import Describe, LiveCoverageMiddleware

__all__ = ["measured_application"]


def measured_application(
    make_application: Callable[[], WSGIApplication], *, describe: Describe | None = None
) -> WSGIApplication:
    """Return the application that ``make_application`` returns, recorded and with the control routes.

    ::

        application = measured_application(get_wsgi_application)

    Recording starts before ``make_application`` is called, so the modules that it imports are measured, as start-up
    and not as part of the first request. While live coverage is not active (``LIVECOVERAGE`` or
    ``LIVECOVERAGE_ENABLED`` in the environment switch it on), the application is returned unchanged.

    :param describe: as for :class:`~flask_livecoverage.middleware.wsgi.LiveCoverageMiddleware`.
    """
    settings = load_settings({})
    if not is_active(settings, {}):
        return make_application()
    # Imported here, because an application that is not measured must not pay for these.
    from .middleware.wsgi import LiveCoverageMiddleware
    from .recording.process import start_recording

    recorder = start_recording(settings)
    measured = LiveCoverageMiddleware(make_application(), recorder, describe=describe, ignore=settings.ignore)
    return add_control_routes(measured, settings)


def add_control_routes(measured: LiveCoverageMiddleware, settings: Settings) -> ControlMiddleware:
    """Return ``measured`` with the control routes in front of it."""
    from .control.application import ControlMiddleware
    from .control.shutdown import server_end

    settings = resolved(settings, measured.recorder.root)
    if DATABASE_VARIABLE in os.environ:
        from .startup import database_guard

        database_guard.install()
        measured.recorder.at_check.append(database_guard.check_without_raising)
    return ControlMiddleware(
        measured, measured.recorder, settings, lambda environ: server_end(environ, measured.in_flight)
    )
