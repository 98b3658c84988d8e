"""Reports for a server that has left the folder in which it was started.

coverage.py looks for its configuration in the working directory, and takes what is relative there from it. An
application may change that at any time, or remove it, and all threads of a process have the same. So the report is made
by a process of its own, in the folder in which recording started.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from ..errors import LiveCoverageError, ServerError
from ..interpreter import search_path, start_python
from ..model.records import Run
from .reports import Reports, open_reports

# It gets its path, in a line, and what to report through its standard input, and answers there.
_PROGRAM = """# Flask-LiveCoverage: a report
import json, os, socket, sys
# What a server has not kept from its children: its listening socket, say.
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
with socket.socket(fileno=0) as control:
    control.setblocking(True)
    with control.makefile("rwb") as stream:
        sys.path[:] = json.loads(stream.readline())
        from flask_livecoverage.exports.report_process import answer
        answer(stream)
"""


class ReportsInSubprocess:
    """The reports of :class:`~.reports.Reports` that a live server is asked for, made in ``folder``.

    ``warnings`` are there when a report has been made. Each raises what it would raise here, and ServerError if its
    process fails.
    """

    def __init__(self, folder: str, runs: Sequence[Run], contexts: str | None) -> None:
        self.folder = folder
        self.warnings: Sequence[str] = ()
        self._question = runs, contexts

    def text(self, *, markdown: bool = False) -> str:
        """The table that ``coverage report`` prints."""
        return str(self._ask("text", markdown=markdown))

    def html_zip(self) -> bytes:
        """The HTML report as a zip archive."""
        return bytes(self._ask("html_zip"))

    def xml(self) -> str:
        """The XML report, Cobertura's format."""
        return str(self._ask("xml"))

    def lcov(self) -> str:
        """The LCOV report."""
        return str(self._ask("lcov"))

    def json_object(self) -> dict[str, Any]:
        """coverage.py's JSON report, read."""
        return dict(self._ask("json_object"))

    def data(self) -> bytes:
        """The data file."""
        return bytes(self._ask("data"))

    def _ask(self, name: str, **options: Any) -> Any:
        found = _converse((self.folder, *self._question, name, options))
        if found is None:
            raise ServerError("the process that makes the report has ended: the server's output says why")
        result, self.warnings = found
        if isinstance(result, LiveCoverageError):
            raise result
        return result


LiveReports = Reports | ReportsInSubprocess


@contextmanager
def open_reports_in(folder: str, runs: Sequence[Run], *, contexts: str | None = None) -> Iterator[LiveReports]:
    """The reports on ``runs`` as if the working directory were ``folder``; see :func:`~.reports.open_reports`."""
    if _is_here(folder):
        with open_reports(runs, contexts=contexts) as reports:
            yield reports
    else:
        yield ReportsInSubprocess(folder, runs, contexts)


def _is_here(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.getcwd())
    except OSError:
        # One of the two was removed.
        return False


def _converse(question: object) -> tuple[Any, Sequence[str]] | None:
    """What a process of our own answers; None if it ends without an answer."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            try:
                pid = start_python(_PROGRAM, theirs.fileno())
            except OSError as error:
                raise ServerError(f"the process that makes the report cannot be started: {error}") from error
        try:
            with ours.makefile("rwb") as stream, suppress(OSError, EOFError):
                stream.write(f"{json.dumps(search_path())}\n".encode())
                pickle.dump(question, stream)
                stream.flush()
                found: tuple[Any, Sequence[str]] = pickle.load(stream)
                return found
            return None
        finally:
            # An application may have told the system to forget its children.
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def answer(stream: IO[bytes]) -> None:
    """Make the report that is asked for in ``stream``, and write it there, or the error that it has met."""
    folder, runs, contexts, name, options = pickle.load(stream)
    warnings: Sequence[str] = ()
    result: Any
    try:
        os.chdir(folder)
        with open_reports(runs, contexts=contexts) as reports:
            warnings = reports.warnings
            result = getattr(reports, name)(**options)
    except LiveCoverageError as error:
        result = error
    except OSError as error:
        result = ServerError(
            f"no report can be made in {folder}, where the server was started ({error.strerror}): coverage.py's "
            "configuration is looked for there"
        )
    pickle.dump((result, warnings), stream)
