"""The dashboard's addresses, and the server state that is sent along with each request."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PREFIX = "livecoverage.dashboard."

# Endpoints without the prefix, and their paths after LIVECOVERAGE_URL_PREFIX. Paths that are not below /ui, except the
# overview's, are left to the control routes.
PAGES = {
    "overview": "/",
    "files": "/ui/files",
    "source": "/ui/files/<key>",
    "requests": "/ui/requests",
    "tests": "/ui/tests",
    "routes": "/ui/routes",
    "lines": "/ui/lines",
    "compare": "/ui/compare",
    "duplicates": "/ui/duplicates",
    "events": "/ui/events",
    "static": "/ui/static/<name>",
}
# Targets of the buttons. They change the recording, which only the measured server can do.
ACTIONS = {"start": "/ui/start", "stop": "/ui/stop", "reset": "/ui/reset"}

# The control routes that pages link to.
CONTROLS = {"dump": "/dump"}

STATE_HEADER = "Livecov-State"

# No inline scripts or styles, nothing from other sites, and no embedding in frames.
CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip


@dataclass(frozen=True)
class ServerState:
    """State of the measured server that pages show; sent with each request.

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
