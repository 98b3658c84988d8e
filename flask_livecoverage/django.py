"""Django applications: in ``wsgi.py``, import ``get_wsgi_application`` from here instead of from Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .measured import measured_application

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


def get_wsgi_application() -> WSGIApplication:
    """Return Django's WSGI application, recorded and with the control routes while live coverage is active.

    ``LIVECOVERAGE`` or ``LIVECOVERAGE_ENABLED`` in the environment switch it on; otherwise Django's own application is
    returned. The route of a request is its URL pattern, its endpoint the name of the view.
    """
    return measured_application(_make_application, describe=_route_and_view)


def _make_application() -> WSGIApplication:
    from django.core import wsgi
    from django.urls import get_resolver

    application: WSGIApplication = wsgi.get_wsgi_application()
    # Imports the URL configuration and the views now. Django would do so in the first request, and all lines that run
    # at import would be recorded as lines of that request.
    _ = get_resolver().url_patterns
    return application


def _route_and_view(environ: WSGIEnvironment) -> tuple[str | None, str | None]:
    from django.urls import Resolver404, resolve

    try:
        # Already decoded: Django stores the decoded path back into the environment.
        match = resolve(environ["PATH_INFO"])
    except Resolver404:
        return None, None
    return f"/{match.route}", match.view_name
