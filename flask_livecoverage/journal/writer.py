"""Appends to the journal of this process."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from .append_file import AppendedFile, append_line
from .format import header_line, line_of
from .losses import Losses
from .run_folder import RunFolder
from .storage import advice, describe, make_run_folder

logger = logging.getLogger("flask_livecoverage")


class Journal:
    """The file to which this process appends, made when the first line is written.

    A request's line that cannot be written (a full disk, say) is lost: it is counted in :attr:`losses` and told in the
    journal once that can be written. The first one is logged.
    """

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.token = secrets.token_hex(4)
        self.path = folder / f"journal-{self.token}.jsonl"
        self.losses = Losses()
        self.error: OSError | None = None
        # Another object when lines that were written may be gone: traces are written again then.
        self.content = object()
        self._header = header
        self._lock = threading.Lock()
        self._file: AppendedFile | None = None
        self._missing = False

    def append(self, line: str) -> bool:
        """Append a request's ``line``, a JSON object without the newline; whether it is on disk."""
        try:
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self.losses.add(1, describe(error))
            self._report(error)
            return False
        return True

    def append_object(self, kind: str, **fields: Any) -> bool:
        """Append an object of type ``kind``; whether it is on disk. If it is not, the caller tries again or tells."""
        try:
            line = line_of(kind, **fields)
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self._report(error)
            return False
        self.error = None
        return True

    def look_after(self) -> None:
        """See that readers find what was written, and tell what was lost. To be called once a second, say."""
        with self._lock:
            if self._file is not None:
                try:
                    self._look_after(self._file)
                except OSError as error:
                    self._report(error)
        self._tell_losses()

    def close(self) -> None:
        """Close the file, once the threads that append to it now are done; a later line would open it again."""
        self.look_after()
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    self.losses.add(file.missing_records())

    def _open(self) -> AppendedFile:
        with self._lock:
            if self._file is None:
                make_run_folder(self.path.parent)
                self._file = AppendedFile(self.path, f"{header_line(self._header)}\n".encode())
            return self._file

    def _look_after(self, file: AppendedFile) -> None:
        file.drain()
        if not file.is_in_place():
            self._put_back(file)
        elif not file.is_whole():
            self.content = object()
            gone = file.mend(RunFolder(self.path.parent).last_mark().get(self.path.name, 0))
            self.losses.add(gone, "cut off by another program")
            logger.error("%s: was cut off by another program: at least %d records are lost", self.path, gone)
        self._missing = False

    def _put_back(self, file: AppendedFile) -> None:
        # What ended processes wrote is gone, if it was in the same folder.
        self.content = object()
        if not self._missing:
            self._missing = True
            logger.warning("%s: was removed while it was written: putting it back from the open file", self.path)
        make_run_folder(self.path.parent)
        file.put_back()

    def _tell_losses(self) -> None:
        count = self.losses.take()
        if not count:
            return
        if self.append_object("lost", count=count, reason=self.losses.reason):
            logger.warning("%s: tells of %d lost records (%s)", self.path, count, self.losses.reason)
        else:
            self.losses.give_back(count)

    def _report(self, error: OSError) -> None:
        first = self.error is None
        # Its frames would keep the file open.
        self.error = error.with_traceback(None)
        if first:
            logger.error(
                "%s: cannot be written (%s): records are being lost, %s or name another folder with "
                "LIVECOVERAGE_DATA_DIR",
                self.path,
                describe(error),
                advice(error),
            )
