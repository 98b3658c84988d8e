"""The value of the fixture ``livecov``: the running test in the live server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .control_requests import ExecutedLines
    from .running_test import RunningTest


class CurrentTest:
    """The running test in the live server; the fixture ``livecov``.

    ``url`` is the server's address, without a slash at its end. ``name`` is the test's name in the server: its node id.
    """

    def __init__(self, url: str, name: str, running: RunningTest, executed: ExecutedLines) -> None:
        self.url = url
        self.name = name
        self._running = running
        self._executed = executed

    @property
    def headers(self) -> dict[str, str]:
        """A header with the name of this test, or of its running part, for clients that the plugin does not support.

        It contains only ASCII characters. It is needed only if the tests' names are sent with the requests.
        """
        name = self._running.identity or self.name
        if name.isascii():
            return {"Livecov-Test": name}
        # W3C baggage is percent-encoded, and not all clients send other characters in headers.
        from urllib.parse import quote

        return {"baggage": f"livecov.test={quote(name, safe='')}"}

    @contextmanager
    def window(self, name: str) -> Iterator[str]:
        """Open a part of the test with its own name in the server, ``TEST > name``, while the ``with`` block runs.

        ::

            with livecov.window("pay"):
                driver.find_element("id", "pay").click()

        Its lines count for the test too, in :meth:`lines` and in the summary. The block gets the whole name.
        """
        from .names import part_name

        before = self._running.identity
        whole = part_name(self.name, name)
        self._running.begin_part(whole)
        try:
            yield whole
        finally:
            self._running.set_identity(before)

    def lines(self) -> dict[str, list[int]]:
        """Return the lines that this test has executed in the server so far: by file, ascending.

        Paths are relative to the folder in which the server started, with slashes; absolute outside it. The lines of a
        request are included as soon as its response has arrived; lines that it runs later, in a thread for example,
        follow within a second.
        """
        return self._executed.lines([self.name, *self._running.parts])

    def assert_ran(self, *references: str) -> None:
        """Assert that this test has executed lines in the server: ``"app.py:42"``, or ``"app.py:42-45"``.

        In a range, all statements must have run; lines without a statement do not count. A file may be named by the end
        of its path. Raises ValueError for a malformed line reference.
        """
        __tracebackhide__ = True
        from .line_references import find_missing

        missing = find_missing(references, self.lines(), self._executed.statements)
        if missing:
            pytest.fail("\n".join(missing), pytrace=True)
