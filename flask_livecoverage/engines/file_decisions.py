"""Decides which files are application code, while events are delivered."""

from __future__ import annotations

import sys
from types import CodeType, FrameType

from ..model.bounded import make_room
from ..sources.selection import Sources

# The path under which a file is measured, and the limit for its line numbers.
MeasuredFile = tuple[str, int]

# How many decisions about the same file may be nested. A finalizer or a signal handler may need one during another.
_NESTED = 2


class FileDecisions:
    """The decisions about the files of all code that was started.

    A decision runs inside ``sys.call_tracing``: events are delivered for the application's code that the collector or a
    signal runs meanwhile, but also for the code that decides. So a decision can trigger decisions about the files of
    the latter. The start of code whose file is already being decided twice stays undecided.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        # By file name in a code object; None where the file is not measured.
        self.files: dict[str, MeasuredFile | None] = {_DECIDE.co_filename: None}

    def decide(self, code: CodeType) -> None:
        """Record in :attr:`files` whether the file of ``code``, which a calling frame is starting, is measured.

        Nothing is recorded if that cannot be decided now.
        """
        filename = code.co_filename
        starting: FrameType | None = None
        under_way = 0
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code is code and starting is None:
                starting = frame
            elif frame.f_code is _DECIDE and frame.f_locals.get("filename") == filename:
                under_way += 1
            frame = frame.f_back
        if under_way < _NESTED:
            self.note(filename, starting)

    def note(self, filename: str, frame: FrameType | None) -> None:
        """Record in :attr:`files` whether code with this file name, which ``frame`` runs, is measured."""
        path = self._sources.file_of(filename, frame)
        make_room(self.files)
        self.files[filename] = None if path is None else (path, self._sources.line_limit(path))


_DECIDE = FileDecisions.decide.__code__
