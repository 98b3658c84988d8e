"""The plugin's requests to the server's control routes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from ..control_client import Refused, fetch, fetch_json
from ..errors import LiveCoverageError
from ..model.outcomes import Outcome
from ..settings import load_settings

_SECONDS = 10
# The server refuses larger forms.
_MAX_FORM = 1 << 16


class ControlRoutes:
    """The control routes of the server at ``url``.

    All methods raise OSError if the server does not answer, ServerError if it answers with an error.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = url + load_settings({}).url_prefix

    def status(self) -> dict[str, Any]:
        """Return the server's state."""
        return fetch_json(f"{self._prefix}/status")

    def start(self, name: str) -> None:
        """Open a window, closing an open one."""
        fetch_json(f"{self._prefix}/start?name={quote(name, safe='')}")

    def stop(self) -> None:
        """Close the open window."""
        try:
            # Without a summary, which would delay the next test.
            fetch_json(f"{self._prefix}/stop?summary=0")
        except Refused as error:
            # 409: the test has closed the window itself.
            if error.status != 409:
                raise

    def record(self, outcome: Outcome) -> None:
        """Record the outcome of a test."""
        fields: list[tuple[str, str]] = [("test", outcome.test), ("outcome", outcome.outcome)]
        fields += [] if outcome.duration_ms is None else [("duration_ms", f"{outcome.duration_ms:.3f}")]
        form = urlencode([*fields, *(("file", file) for file in outcome.files)]).encode()
        if len(form) >= _MAX_FORM:
            # Without the files, which then count as unknown.
            form = urlencode(fields).encode()
        fetch(f"{self._prefix}/outcome", method="POST", form=form, timeout=_SECONDS)

    def tests(self, since: float, test: str | None = None) -> dict[str, Any]:
        """Return the coverage of the tests, or of one, since a moment (UNIX seconds, by the server's clock)."""
        wanted = {"since": f"{since:.6f}", **({} if test is None else {"test": test})}
        return fetch_json(f"{self._prefix}/tests?{urlencode(wanted)}")

    def statements(self) -> dict[str, list[int]]:
        """Return the first lines of all statements, ascending, by file."""
        statements: dict[str, list[int]] = {}
        lines: list[int] = []
        # The size of this format does not grow with the number of requests.
        for line in fetch(f"{self._prefix}/dump?format=lcov").decode("utf-8").splitlines():
            kind, _, rest = line.partition(":")
            if kind == "SF":
                lines = statements.setdefault(rest.replace("\\", "/"), [])
            elif kind == "DA":
                lines.append(int(rest.partition(",")[0]))
        return {path: sorted(lines) for path, lines in statements.items()}

    def check(self) -> None:
        """Check that the server accepts connections, without a request."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((str(parts.hostname), port), timeout=_SECONDS).close()


class ExecutedLines:
    """The lines that tests of this session have executed, requested from the server. A failed request fails the test.

    :param since: when the session began, by the server's clock.
    """

    def __init__(self, routes: ControlRoutes, since: float) -> None:
        self._routes = routes
        self._since = since
        self._statements: dict[str, list[int]] = {}

    def lines(self, names: Sequence[str]) -> dict[str, list[int]]:
        """Return the lines that the tests, or parts of tests, ``names`` have executed: by file, ascending."""
        __tracebackhide__ = True
        found: dict[str, set[int]] = {}
        for name in names:
            for files in self._request(self._routes.tests, self._since, name)["traces"].values():
                for path, lines in files.items():
                    found.setdefault(path, set()).update(lines)
        return {path: sorted(found[path]) for path in sorted(found)}

    def statements(self) -> dict[str, list[int]]:
        """Return the first lines of the application's statements, by file."""
        __tracebackhide__ = True
        if not self._statements:
            self._statements = self._request(self._routes.statements)
        return self._statements

    def _request(self, route: Callable[..., Any], *arguments: Any) -> Any:
        __tracebackhide__ = True
        try:
            return route(*arguments)
        except (OSError, LiveCoverageError) as error:
            pytest.fail(f"the lines of this test cannot be read from the live server: {error}", pytrace=False)
