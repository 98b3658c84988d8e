"""Work that takes longer than a reader of pages should wait."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..errors import LiveCoverageError
from .gc_policy import working

Result = TypeVar("Result")

# Told how far the work is, in words.
Progress = Callable[[str], None]

# Longer than to wait for a result: what is known is a fault that may be mended by now.
_SECONDS_AFTER_FAULT = 2.0

# After work comes rest, so many times as long: an open page must not keep a processor busy where there is much to do.
_REST = 3.0
_LONGEST_REST_SECONDS = 10.0


class Background(Generic[Result]):
    """A result that a thread brings up to date when it is asked for.

    :param work: makes the result.
    :param stamp: tells what the result depends on; as long as that is the same, nothing is done.
    """

    def __init__(self, work: Callable[[Progress], Result], stamp: Callable[[], Hashable]) -> None:
        self._work = work
        self._stamp = stamp
        self._changed = threading.Condition()
        self._asked = self._served = 0
        self._works = False
        # Since when somebody has waited for what is not served yet; and until when there is rest.
        self._since = self._rested = 0.0
        self._of: Hashable = object()
        self._error: LiveCoverageError | None = None
        self._result: Result | None = None
        self.progress = ""

    def get(self, wait: float) -> tuple[Result | None, bool]:
        """The result, brought up to date if that takes no longer than ``wait`` seconds; else the last one, if any.

        And whether it tells what there was when this was called. The seconds count from when anybody asked first for
        what is new: who comes when that has taken longer already does not wait. Raises LiveCoverageError if the work
        has failed.
        """
        with self._changed:
            if self._error is None and self._of == self._stamp():
                return self._result, True
            if self._served == self._asked:
                self._since = time.monotonic()
            self._asked += 1
            wanted = self._asked
            self._start()
            patience = wait if self._error is None else max(wait, _SECONDS_AFTER_FAULT)
            self._changed.wait_for(lambda: self._served >= wanted, self._since + patience - time.monotonic())
            if self._error is not None:
                raise self._error
            return self._result, self._served >= wanted

    def forget(self, result: Result | None = None) -> None:
        """Make the result anew when it is asked for next; only if it is still ``result``, where that is given."""
        with self._changed:
            if result is None or result is self._result:
                self._result, self._of = None, object()

    def _start(self) -> None:
        if not self._works:
            self._works = True
            threading.Thread(target=self._run, name="flask-livecoverage-dashboard", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._served >= self._asked:
                    self._works = False
                    self.progress = ""
                    return
            time.sleep(max(0.0, self._rested - time.monotonic()))
            self._attempt()

    def _attempt(self) -> None:
        asked, began = self._asked, time.thread_time()
        stamp: Hashable = None
        result, error = self._result, None
        try:
            # First: what changes while the work is done is for the next time.
            stamp = self._stamp()
            with working():
                result = self._work(self._tell)
            later = self._asked
            if self._stamp() == stamp:
                # So those who came meanwhile are served, too.
                asked = later
        except LiveCoverageError as failure:
            error = failure
        except Exception as failure:
            # A page says so too, rather than wait for ever.
            traceback.print_exc()
            error = LiveCoverageError(f"the dashboard has a fault ({failure!r}): see the server's output")
        rest = min(_REST * (time.thread_time() - began), _LONGEST_REST_SECONDS)
        with self._changed:
            self._since = time.monotonic()
            # What is worked out first is most of the work: what follows is what is new.
            self._rested = self._since + rest if self._result is not None else 0.0
            self._result, self._error, self._of, self._served = result, error, stamp, asked
            self._changed.notify_all()

    def _tell(self, progress: str) -> None:
        self.progress = progress
