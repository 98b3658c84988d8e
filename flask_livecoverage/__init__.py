"""Flask-LiveCoverage: code coverage measured inside a live Flask server.

PYTEST_DONT_REWRITE: without this marker, pytest warns where the package is imported before pytest starts, by a
``flask`` command for example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import ConfigurationError, DataError, EngineError, LiveCoverageError, ServerError

if TYPE_CHECKING:
    from .extension import LiveCoverage


__all__ = [
    "ConfigurationError",
    "DataError",
    "EngineError",
    "LiveCoverage",
    "LiveCoverageError",
    "ServerError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Imported on demand, because it imports Flask: recording starts before the application is imported, and before
    # gevent patches the modules that Flask imports.
    if name == "LiveCoverage":
        from .extension import LiveCoverage

        return LiveCoverage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
