"""The errors of Flask-LiveCoverage.

::

    LiveCoverageError            anything this package raises on purpose
    ├── ConfigurationError       a setting, an option or a use that cannot work
    ├── EngineError              no engine can measure here, and why
    ├── DataError                recorded data that is missing or cannot be read
    ├── StorageError             the data directory cannot be written to
    └── ServerError              a server that did not start, answer or end as it should

Every message is one line and names the next step. ``exit_code`` is the exit status of a command that fails with the
error: 2 for wrong use, 1 for a fault.
"""

from __future__ import annotations


class LiveCoverageError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class ConfigurationError(LiveCoverageError):
    """A setting, an option or a use that cannot work."""

    exit_code = 2


class EngineError(LiveCoverageError):
    """No engine can measure here; the message names the reason and the remedy."""


class DataError(LiveCoverageError):
    """Recorded data that is missing or cannot be read."""


class StorageError(LiveCoverageError):
    """The data directory cannot be written to: the disk is full or read-only. Its content is unchanged."""


class ServerError(LiveCoverageError):
    """A server that did not start, did not answer or did not end as it should."""
