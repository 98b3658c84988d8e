"""The state of the measured server, sent to the dashboard process with each request."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

STATE_HEADER = "Livecov-State"


@dataclass(frozen=True)
class ServerState:
    """State of the measured server that pages show.

    ``script_name`` is the path at which the application is mounted.
    """

    script_name: str
    recording: bool
    engine: str
    reason: str
    branch: bool
    fault: str | None
    lost: int

    def to_object(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return asdict(self)
