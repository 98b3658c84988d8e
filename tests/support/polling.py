"""Waits for a condition whose change nothing signals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# A timeout against hanging, far longer than anything here takes.
GUARD_SECONDS = 120

# Short, because most conditions are true after a few of them; long enough to leave the processor to what is waited for.
_PAUSE_SECONDS = 0.01

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], expected: str, details: Callable[[], str] = str) -> T:
    """Wait until ``condition`` returns a true value, and return it. If it takes too long, fail.

    The failure quotes ``expected``, a sentence that would then be true, and the result of ``details``, such as a log.
    """
    deadline = time.monotonic() + GUARD_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {GUARD_SECONDS} seconds: {expected}\n{details()}".rstrip()
        time.sleep(_PAUSE_SECONDS)
    return found
