"""Runs work in a thread that takes longer than the reader of a page should wait."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..errors import LiveCoverageError
from .gc_policy import working

Result = TypeVar("Result")

# Called with a text that describes the progress of the work.
Progress = Callable[[str], None]

# Longer than the wait for a result, because the cause of the last failure may be fixed by now.
_SECONDS_AFTER_FAILURE = 2.0

# After work comes a pause of this many times its processor time, so that an open page does not keep a processor busy
# where there is much to do.
_PAUSE_FACTOR = 3.0
_MAX_PAUSE_SECONDS = 10.0


class Background(Generic[Result]):
    """A result that a thread brings up to date on request.

    :param work: makes the result.
    :param stamp: returns a value that changes with the result's input; while it is the same, no work is done.
    """

    def __init__(self, work: Callable[[Progress], Result], stamp: Callable[[], Hashable]) -> None:
        self._work = work
        self._stamp = stamp
        self._changed = threading.Condition()
        self._requested = self._served = 0
        self._is_running = False
        # The time since which requests have waited without an answer, and the time at which the pause ends.
        self._waiting_since = self._paused_until = 0.0
        self._result_stamp: Hashable = object()
        self._error: LiveCoverageError | None = None
        self._result: Result | None = None
        self.progress = ""

    def get(self, wait: float) -> tuple[Result | None, bool]:
        """Return the result, brought up to date if that takes at most ``wait`` seconds; otherwise the last one, if any.

        The second item is True if the result includes everything up to this call. The seconds count from the first
        request for the new state: a later request does not wait if they are over. Raises LiveCoverageError if the work
        failed.
        """
        with self._changed:
            if self._error is None and self._result_stamp == self._stamp():
                return self._result, True
            if self._served == self._requested:
                self._waiting_since = time.monotonic()
            self._requested += 1
            number = self._requested
            self._start()
            patience = wait if self._error is None else max(wait, _SECONDS_AFTER_FAILURE)
            timeout = self._waiting_since + patience - time.monotonic()
            self._changed.wait_for(lambda: self._served >= number, timeout)
            if self._error is not None:
                raise self._error
            return self._result, self._served >= number

    def invalidate(self, result: Result | None = None) -> None:
        """Rebuild the result at the next request; if ``result`` is given, only if it is still the current one."""
        with self._changed:
            if result is None or result is self._result:
                self._result, self._result_stamp = None, object()

    def _start(self) -> None:
        if not self._is_running:
            self._is_running = True
            threading.Thread(target=self._run, name="flask-livecoverage-dashboard", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._served >= self._requested:
                    self._is_running = False
                    self.progress = ""
                    return
            time.sleep(max(0.0, self._paused_until - time.monotonic()))
            self._attempt()

    def _attempt(self) -> None:
        requested, began = self._requested, time.thread_time()
        stamp: Hashable = None
        result, error = self._result, None
        try:
            # Taken first, so that changes during the work are left to the next attempt.
            stamp = self._stamp()
            with working():
                result = self._work(self._set_progress)
            requested_meanwhile = self._requested
            if self._stamp() == stamp:
                # The result is also current for the requests that came meanwhile.
                requested = requested_meanwhile
        except LiveCoverageError as failure:
            error = failure
        except Exception as failure:
            # Pages show this error, instead of waiting for ever.
            traceback.print_exc()
            error = LiveCoverageError(f"internal error in the dashboard ({failure!r}): see the server's output")
        pause = min(_PAUSE_FACTOR * (time.thread_time() - began), _MAX_PAUSE_SECONDS)
        with self._changed:
            self._waiting_since = time.monotonic()
            # No pause after the first result, which was most of the work. The rest is only what is new.
            self._paused_until = self._waiting_since + pause if self._result is not None else 0.0
            self._result, self._error, self._result_stamp, self._served = result, error, stamp, requested
            self._changed.notify_all()

    def _set_progress(self, progress: str) -> None:
        self.progress = progress
