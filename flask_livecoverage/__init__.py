"""Flask-LiveCoverage: code coverage measured inside a live Flask server."""

from .errors import ConfigurationError, DataError, EngineError, LiveCoverageError, ServerError
from .extension import LiveCoverage

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "DataError",
    "EngineError",
    "LiveCoverage",
    "LiveCoverageError",
    "ServerError",
    "__version__",
]
