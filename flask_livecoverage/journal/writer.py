"""Appends to the journal of this process."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from .append_file import AppendFile, append_line
from .format import header_line, line_of
from .losses import Losses, records_were_lost
from .run_folder import RunFolder
from .storage import advice, describe, make_run_folder

logger = logging.getLogger("flask_livecoverage")


class Journal:
    """The file to which this process appends, created when the first line is written.

    A request's line that cannot be written (the disk is full, for example) is lost. It is counted in :attr:`losses`,
    and in the journal once that can be written again. The first loss is logged.
    """

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.token = secrets.token_hex(4)
        self.path = folder / f"journal-{self.token}.jsonl"
        self.losses = Losses()
        self.error: OSError | None = None
        # A new object when written lines may have been removed, so that traces are written again.
        self.generation = object()
        self._header = header
        self._lock = threading.Lock()
        self._file: AppendFile | None = None
        self._removal_is_logged = False

    def append(self, line: str) -> bool:
        """Append a request's ``line``, a JSON object without the newline; return whether it is on disk."""
        try:
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self.losses.add(1, describe(error))
            self._report(error)
            return False
        return True

    def append_object(self, kind: str, **fields: Any) -> bool:
        """Append an object of type ``kind``; return whether it is on disk. If not, the caller retries or reports."""
        try:
            line = line_of(kind, **fields)
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self._report(error)
            return False
        self.error = None
        return True

    def maintain(self) -> None:
        """Restore the file if it was removed or truncated, and write the losses. To be called about once a second."""
        with self._lock:
            if self._file is not None:
                try:
                    self._maintain(self._file)
                except OSError as error:
                    self._report(error)
        self._write_losses()

    def close(self) -> None:
        """Close the file once the threads that append to it now are done; a later line opens it again."""
        self.maintain()
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    self.losses.add(file.missing_records())

    def _open(self) -> AppendFile:
        with self._lock:
            if self._file is None:
                make_run_folder(self.path.parent)
                self._file = AppendFile(self.path, f"{header_line(self._header)}\n".encode())
            return self._file

    def _maintain(self, file: AppendFile) -> None:
        file.drain()
        if not file.is_in_place():
            self._restore(file)
        elif not file.is_intact():
            self.generation = object()
            gone = file.repair(RunFolder(self.path.parent).last_mark().get(self.path.name, 0))
            self.losses.add(gone, "truncated by another program")
            logger.error("%s: was truncated by another program: at least %d records are lost", self.path, gone)
        self._removal_is_logged = False

    def _restore(self, file: AppendFile) -> None:
        # Traces that ended processes wrote may have been removed with the same folder.
        self.generation = object()
        if not self._removal_is_logged:
            self._removal_is_logged = True
            logger.warning("%s: was removed while it was written: restoring it from the open file", self.path)
        make_run_folder(self.path.parent)
        file.restore()

    def _write_losses(self) -> None:
        count = self.losses.take()
        if not count:
            return
        if self.append_object("lost", count=count, reason=self.losses.reason):
            logger.warning("%s: %s (%s)", self.path, records_were_lost(count), self.losses.reason)
        else:
            self.losses.give_back(count)

    def _report(self, error: OSError) -> None:
        first = self.error is None
        # The frames of its traceback would keep the file open.
        self.error = error.with_traceback(None)
        if first:
            logger.error(
                "%s: cannot be written (%s): records are being lost: %s, or name another folder with "
                "LIVECOVERAGE_DATA_DIR",
                self.path,
                describe(error),
                advice(error),
            )
