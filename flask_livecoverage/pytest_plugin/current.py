"""What the fixture ``livecov`` returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .routes import TestAnswers
    from .running_test import RunningTest


class CurrentTest:
    """The test that is running, as the live server sees it; the fixture ``livecov``.

    ``url`` is the server's address, without a slash at its end. ``name`` is what the test is called there: its node id.
    """

    def __init__(self, url: str, name: str, running: RunningTest, answers: TestAnswers) -> None:
        self.url = url
        self.name = name
        self._running = running
        self._answers = answers

    @property
    def headers(self) -> dict[str, str]:
        """The header that names this test, or the part of it that runs, for clients that the plugin does not know.

        All its characters are ASCII. Needed only where the tests' names travel with the requests.
        """
        name = self._running.identity or self.name
        if name.isascii():
            return {"Livecov-Test": name}
        # W3C baggage is percent-encoded, and not all clients send other characters in headers.
        from urllib.parse import quote

        return {"baggage": f"livecov.test={quote(name, safe='')}"}

    @contextmanager
    def window(self, name: str) -> Iterator[str]:
        """A part of the test with a name of its own in the server, ``TEST > name``, while the ``with`` block runs.

        ::

            with livecov.window("pay"):
                driver.find_element("id", "pay").click()

        What it executes is the test's too, in :meth:`lines` and in the summary. The block gets the whole name.
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
        """The lines that this test has executed in the server so far: by file, ascending.

        Paths are relative to the folder in which the server started, with slashes; absolute outside it. A request's
        lines are there when its response is; what it runs later, in a thread say, follows within a second.
        """
        return self._answers.lines([self.name, *self._running.parts])

    def assert_ran(self, *places: str) -> None:
        """Assert that this test has executed lines in the server: ``"app.py:42"``, or ``"app.py:42-45"``.

        Of a range, all statements must have run; lines without one do not count. A file may be named by the end of its
        path. Raises ValueError for a place that cannot be read.
        """
        __tracebackhide__ = True
        from .line_references import find_missing

        missing = find_missing(places, self.lines(), self._answers.statements)
        if missing:
            pytest.fail("\n".join(missing), pytrace=True)
