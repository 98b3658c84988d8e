"""Work that takes longer than a reader of pages should wait."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ...errors import LiveCoverageError

Result = TypeVar("Result")

# Told how far the work is, in words.
Progress = Callable[[str], None]


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
        self._of: Hashable = object()
        self._error: LiveCoverageError | None = None
        self._result: Result | None = None
        self.progress = ""

    def get(self, wait: float) -> tuple[Result | None, bool]:
        """The result, brought up to date if that takes no longer than ``wait`` seconds; else the last one, if any.

        And whether it tells what there was when this was called. Raises LiveCoverageError if the work has failed.
        """
        with self._changed:
            if self._error is None and self._of == self._stamp():
                return self._result, True
            self._asked += 1
            wanted = self._asked
            self._start()
            self._changed.wait_for(lambda: self._served >= wanted, wait)
            if self._error is not None:
                raise self._error
            return self._result, self._served >= wanted

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
                asked, stamp = self._asked, self._stamp()
            result, error = self._attempt()
            with self._changed:
                self._result, self._error, self._of, self._served = result, error, stamp, asked
                self._changed.notify_all()

    def _attempt(self) -> tuple[Result | None, LiveCoverageError | None]:
        try:
            return self._work(self._tell), None
        except LiveCoverageError as error:
            return self._result, error
        except Exception as error:
            # A page says so too, rather than wait for ever.
            traceback.print_exc()
            return self._result, LiveCoverageError(f"the dashboard has a fault ({error!r}): see the server's output")

    def _tell(self, progress: str) -> None:
        self.progress = progress
