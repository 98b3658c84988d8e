"""The dashboard's addresses."""

from __future__ import annotations

PREFIX = "livecoverage.dashboard."

# Endpoints without the prefix, and their paths after LIVECOVERAGE_URL_PREFIX. Every page but the overview is below /ui.
# All other paths belong to the control routes.
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
    "priorities": "/ui/priorities",
    "change": "/ui/change",
    "runs": "/ui/runs",
    "compare-runs": "/ui/compare-runs",
    "events": "/ui/events",
    "static": "/ui/static/<name>",
}
# The addresses that the buttons post to. The server handles these itself; the dashboard process cannot change
# recording.
ACTIONS = {"start": "/ui/start", "stop": "/ui/stop", "reset": "/ui/reset"}

# The control routes that pages link to.
CONTROLS = {"dump": "/dump"}
