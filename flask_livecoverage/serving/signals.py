"""Termination signals, handled so that a process cleans up before it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Self


class Terminated(SystemExit):
    """Raised on SIGTERM, and on the SIGHUP of a closed terminal. The exit status is the shell's: 128 + the signal."""


class TerminationHandler:
    """In a ``with`` block, SIGTERM and SIGHUP raise Terminated; SIGINT raises KeyboardInterrupt, as by default.

    Signals that are ignored, as SIGHUP is under ``nohup``, stay ignored.
    """

    def __init__(self) -> None:
        self._action: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def call_on_next_signal(self, action: Callable[[], None]) -> None:
        """Let the next signal call ``action``; the signals after it raise."""
        self._action = action

    def _handle(self, number: int, frame: Any) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise Terminated(128 + number)
