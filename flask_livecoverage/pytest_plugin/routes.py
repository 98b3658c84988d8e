"""What the plugin asks of the server's control routes."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..control_client import Refused, fetch, fetch_json
from ..settings import load_settings

_SECONDS = 10


class ControlRoutes:
    """The control routes of the server at ``url``. All raise OSError if it does not answer, ServerError otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = url + load_settings({}).url_prefix

    def status(self) -> dict[str, Any]:
        """The server's state."""
        return fetch_json(f"{self._prefix}/status")

    def start(self, name: str) -> None:
        """Open a window, closing an open one."""
        fetch_json(f"{self._prefix}/start?name={quote(name, safe='')}")

    def stop(self) -> None:
        """Close the open window."""
        try:
            # Without a summary: it is the next test's time.
            fetch_json(f"{self._prefix}/stop?summary=0")
        except Refused as error:
            # The test has closed it itself.
            if error.status != 409:
                raise

    def tests(self, since: float, test: str | None = None) -> dict[str, Any]:
        """What the tests, or one of them, executed since a moment (UNIX seconds, by the server's clock)."""
        wanted = {"since": f"{since:.6f}", **({} if test is None else {"test": test})}
        return fetch_json(f"{self._prefix}/tests?{urlencode(wanted)}")

    def statements(self) -> dict[str, list[int]]:
        """The first lines of all statements, ascending, by file."""
        statements: dict[str, list[int]] = {}
        lines: list[int] = []
        # Of all formats, this one does not grow with the number of requests.
        for line in fetch(f"{self._prefix}/dump?format=lcov").decode("utf-8").splitlines():
            kind, _, rest = line.partition(":")
            if kind == "SF":
                lines = statements.setdefault(rest.replace("\\", "/"), [])
            elif kind == "DA":
                lines.append(int(rest.partition(",")[0]))
        return {path: sorted(lines) for path, lines in statements.items()}

    def check(self) -> None:
        """See that somebody listens, without asking for anything."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((str(parts.hostname), port), timeout=_SECONDS).close()
