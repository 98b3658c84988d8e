"""The WSGI middleware, in which a request begins and ends.

May import: recording and the rooms below it, testid.headers; no web framework. Runs in the measured server, for every
request.
"""

from .wsgi import LiveCoverageMiddleware

__all__ = ["LiveCoverageMiddleware"]
