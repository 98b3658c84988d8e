"""Where the pages are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PREFIX = "livecoverage.dashboard."

# Endpoints without the prefix, and their paths behind LIVECOVERAGE_URL_PREFIX. The control routes have what is not
# below /ui.
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
# What the buttons do. They change the recording, which only the server itself can.
ACTIONS = {"start": "/ui/start", "stop": "/ui/stop", "reset": "/ui/reset"}

# The control routes that pages refer to.
CONTROLS = {"dump": "/dump"}

STATE_HEADER = "Livecov-State"

# No inline script or style, nothing from elsewhere, in nobody's frame.
CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip


@dataclass(frozen=True)
class ServerState:
    """What pages show and only the server knows; handed over with each request.

    ``script_name`` is where the application is mounted.
    """

    script_name: str
    recording: bool
    engine: str
    reason: str
    branch: bool
    fault: str | None
    lost: int

    def to_object(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
