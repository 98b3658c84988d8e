"""What the plugin asks of the server's control routes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from ..control_client import Refused, fetch, fetch_json
from ..errors import LiveCoverageError
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


class TestAnswers:
    """What tests of this session have executed, asked of the server. An answer that cannot be had fails the test.

    :param since: when the session began, by the server's clock.
    """

    __test__ = False  # for pytest

    def __init__(self, routes: ControlRoutes, since: float) -> None:
        self._routes = routes
        self._since = since
        self._statements: dict[str, list[int]] = {}

    def lines(self, names: Sequence[str]) -> dict[str, list[int]]:
        """The lines that tests, or parts of them, have executed: by file, ascending."""
        __tracebackhide__ = True
        found: dict[str, set[int]] = {}
        for name in names:
            for files in self._ask(self._routes.tests, self._since, name)["traces"].values():
                for path, lines in files.items():
                    found.setdefault(path, set()).update(lines)
        return {path: sorted(found[path]) for path in sorted(found)}

    def statements(self) -> dict[str, list[int]]:
        """The statements of the application's files."""
        __tracebackhide__ = True
        if not self._statements:
            self._statements = self._ask(self._routes.statements)
        return self._statements

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        __tracebackhide__ = True
        try:
            return question(*arguments)
        except (OSError, LiveCoverageError) as error:
            pytest.fail(f"the live server does not tell what this test executed: {error}", pytrace=False)
