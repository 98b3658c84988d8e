"""The WSGI middleware, in which a request begins and ends.

May import: recording and the rooms below it, testid.headers; no web framework. Runs in the measured server, for every
request.
"""

from .wsgi import Describe, InFlight, LiveCoverageMiddleware, OutermostMiddleware, unrecorded

__all__ = ["Describe", "InFlight", "LiveCoverageMiddleware", "OutermostMiddleware", "unrecorded"]
