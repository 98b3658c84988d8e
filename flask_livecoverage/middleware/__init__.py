"""Where a request begins and ends: the WSGI middleware.

May import: recording and what lies below it, testid.headers; no web framework. Runs in the measured server, for every
request.
"""

from .wsgi import LiveCoverageMiddleware

__all__ = ["LiveCoverageMiddleware"]
