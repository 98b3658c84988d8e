"""Assigns recorded lines to the contexts of a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from ..errors import ConfigurationError
from ..model.records import CONTEXTS, STARTUP_CONTEXT, FileLines, RequestRecord, Run, Trace
from ..sources.content import content_hash, import_time_lines

FilesByContext = dict[str, dict[str, FileLines]]


def default_contexts(runs: Iterable[Run]) -> str:
    """``test`` if any request names a test, else ``route``."""
    return "test" if any(request.test for run in runs for request in run.requests) else "route"


def context_of(request: RequestRecord, contexts: str) -> str:
    """The name of the context of ``request``; ``contexts`` is one of :data:`CONTEXTS`."""
    if contexts == "test":
        return request.test or "(no test)"
    if contexts == "route":
        return f"{request.method} {request.route or '(no route)'}"
    if contexts == "request":
        return f"{request.id} {request.method} {request.path}"
    if contexts == "none":
        return ""
    raise ConfigurationError(f"unknown contexts {contexts!r}: choose {', '.join(CONTEXTS[:-1])} or {CONTEXTS[-1]}")


def lines_by_context(
    runs: Iterable[Run], contexts: str, local_path: Callable[[str], str] = str
) -> tuple[FilesByContext, list[str]]:
    """The lines of each context, in files whose content has not changed; and warnings that name the other files.

    Code whose file name never existed is left out without a warning.

    A request's lines belong to its context, ambient lines to ``(startup)``. So do the lines outside functions in traces
    of requests that were recorded before a reset, because modules are imported only once. ``local_path`` maps the path
    of a recorded file to its path on this machine.
    """
    found = _Collector(contexts, local_path)
    for run in runs:
        for request in run.requests:
            if request.trace in run.traces:
                found.add(context_of(request, contexts), run.traces[request.trace])
        for trace in run.ambient:
            if trace in run.traces:
                found.add(STARTUP_CONTEXT if contexts != "none" else "", run.traces[trace])
        for trace in run.before_reset:
            if trace in run.traces:
                found.add_import_time(run.traces[trace])
    return found.files, found.warnings


class _Collector:
    def __init__(self, contexts: str, local_path: Callable[[str], str]) -> None:
        self.files: FilesByContext = {}
        self.warnings: list[str] = []
        self._startup = STARTUP_CONTEXT if contexts != "none" else ""
        self._local_path = local_path
        self._contents: dict[str, str] = {}
        self._import_time: dict[str, int] = {}
        self._added: set[tuple[str, str]] = set()

    def add(self, context: str, trace: Trace) -> None:
        if (context, trace.id) in self._added:
            return
        self._added.add((context, trace.id))
        for recorded_path, lines in trace.files.items():
            path = self._local_path(recorded_path)
            if self._is_current(path, lines):
                self._add_file(context, path, lines)

    def add_import_time(self, trace: Trace) -> None:
        for recorded_path, lines in trace.files.items():
            path = self._local_path(recorded_path)
            if self._is_current(path, lines):
                if path not in self._import_time:
                    self._import_time[path] = import_time_lines(path)
                bitmap = self._import_time[path]
                arcs = lines.arcs and frozenset(arc for arc in lines.arcs if all(n < 0 or bitmap >> n & 1 for n in arc))
                self._add_file(self._startup, path, FileLines(lines.content, lines.lines & bitmap, arcs))

    def _add_file(self, context: str, path: str, lines: FileLines) -> None:
        files = self.files.setdefault(context, {})
        files[path] = files[path] | lines if path in files else lines

    def _is_current(self, path: str, lines: FileLines) -> bool:
        if path not in self._contents:
            self._contents[path] = content_hash(path)
        content = self._contents[path]
        if content and lines.content == content:
            return True
        state = why_left_out(path, lines.content, content)
        warning = f"{path} {state}: those are left out"
        if state and warning not in self.warnings:
            self.warnings.append(warning)
        return False


def why_left_out(path: str, recorded: str, content: str) -> str:
    """The reason why lines of a file cannot be reported; empty if no warning is needed.

    ``recorded`` is the hash of the file's content when they ran, ``content`` that of its current content.
    """
    if recorded:
        return f"{'has changed' if content else 'has been removed'} since its lines were recorded"
    if content:
        return "did not exist when its lines ran"
    # Either an archive, or a name that was made up for the code, because compile() accepts any.
    return "is in an archive whose sources coverage.py cannot read" if _is_in_file(path) else ""


def _is_in_file(path: str) -> bool:
    try:
        os.stat(path)
    except NotADirectoryError:
        return True
    except OSError:
        pass
    return False
