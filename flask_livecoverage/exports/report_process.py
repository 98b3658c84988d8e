"""Reports for a server that has left the folder in which it was started.

coverage.py reads its configuration from the working directory, and resolves relative paths against it. An application
may change or remove the working directory at any time, and all threads of a process share it. So the report is made by
a process of its own, in the folder in which recording started.
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
from ..helper_process import search_path, start_python
from ..model.records import Run
from .reports import Reports, open_reports

# It receives its search path, as one line, and the report to make through its standard input, and answers there.
_PROGRAM = """# Flask-LiveCoverage: a report
import json, os, socket, sys
# Descriptors that the server's children inherit, such as its listening socket.
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
with socket.socket(fileno=0) as control:
    control.setblocking(True)
    with control.makefile("rwb") as stream:
        sys.path[:] = json.loads(stream.readline())
        from flask_livecoverage.exports.report_process import answer
        answer(stream)
"""


class ReportsInSubprocess:
    """The reports of :class:`~.reports.Reports` that a live server serves, made in ``folder`` by another process.

    ``warnings`` is set after a report was made. Each method raises the errors of its counterpart, and ServerError if
    its process fails.
    """

    def __init__(self, folder: str, runs: Sequence[Run], contexts: str | None) -> None:
        self.folder = folder
        self.warnings: Sequence[str] = ()
        self._arguments = runs, contexts

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
        """coverage.py's JSON report, parsed."""
        return dict(self._ask("json_object"))

    def data(self) -> bytes:
        """The content of the data file."""
        return bytes(self._ask("data"))

    def _ask(self, name: str, **options: Any) -> Any:
        answered = _ask_process((self.folder, *self._arguments, name, options))
        if answered is None:
            raise ServerError("the process that makes the report has ended: see the server's output for the reason")
        result, self.warnings = answered
        if isinstance(result, LiveCoverageError):
            raise result
        return result


LiveReports = Reports | ReportsInSubprocess


@contextmanager
def open_reports_in(folder: str, runs: Sequence[Run], *, contexts: str | None = None) -> Iterator[LiveReports]:
    """The reports on ``runs``, made as if the working directory were ``folder``; see :func:`~.reports.open_reports`."""
    if _is_working_directory(folder):
        with open_reports(runs, contexts=contexts) as reports:
            yield reports
    else:
        yield ReportsInSubprocess(folder, runs, contexts)


def _is_working_directory(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.getcwd())
    except OSError:
        # One of the two was removed.
        return False


def _ask_process(question: object) -> tuple[Any, Sequence[str]] | None:
    """The answer of a process that is started for ``question``; None if it ends without one."""
    connection, process_end = socket.socketpair()
    with connection:
        with process_end:
            try:
                pid = start_python(_PROGRAM, process_end.fileno())
            except OSError as error:
                raise ServerError(f"the process that makes the report cannot be started: {error}") from error
        try:
            with connection.makefile("rwb") as stream, suppress(OSError, EOFError):
                stream.write(f"{json.dumps(search_path())}\n".encode())
                pickle.dump(question, stream)
                stream.flush()
                answered: tuple[Any, Sequence[str]] = pickle.load(stream)
                return answered
            return None
        finally:
            # If the application ignores SIGCHLD, the system reaps its children.
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def answer(stream: IO[bytes]) -> None:
    """Read a question from ``stream``, make the report, and write it, or the error that it raised, to ``stream``."""
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
            f"no report can be made in {folder}, where the server was started ({error.strerror}): coverage.py reads "
            "its configuration from there; run `flask livecov report --data-dir DIR` in another folder"
        )
    pickle.dump((result, warnings), stream)
