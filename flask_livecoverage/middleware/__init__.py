"""The WSGI middleware, in which a request begins and ends.

Modules:

*   ``wsgi``: the middleware

May import: model, recording, settings, testid.headers.

Runs in the measured server, for every request. It uses no web framework.
"""

from .wsgi import LiveCoverageMiddleware

__all__ = ["LiveCoverageMiddleware"]
