"""Answers to a question with many cases, such as two runs to compare: the last ones asked for are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from .background import Background, Progress
from .run_reader import Answer, soon

Case = TypeVar("Case", bound=Hashable)
Result = TypeVar("Result")

_MOST = 4


class LastAnswer(Generic[Result]):
    """The last result, and what it was made from: an equal input needs no second look."""

    def __init__(self) -> None:
        self._last: tuple[Hashable, Result] | None = None

    def get(self, made_from: Hashable) -> Result | None:
        """Return the last result if it was made from an equal input, else None."""
        last = self._last
        return last[1] if last is not None and last[0] == made_from else None

    def keep(self, made_from: Hashable, result: Result) -> Result:
        """Keep a result, in place of the last one, and return it."""
        self._last = made_from, result
        return result

    def clear(self) -> None:
        """Forget the result."""
        self._last = None


class KeptAnswers(Generic[Case, Result]):
    """One result for each case, made in the background.

    :param work: makes the result of a case.
    :param state: returns a value that changes with the input of a case.
    """

    def __init__(self, work: Callable[[Case, Progress], Result], state: Callable[[Case], Hashable]) -> None:
        self._work = work
        self._state = state
        self._lock = threading.Lock()
        self._kept: OrderedDict[Case, Background[Result]] = OrderedDict()

    def get(self, case: Case) -> Answer[Result]:
        """Return the result of a case if it is ready soon. Raises NotReady, LiveCoverageError for a failure."""
        with self._lock:
            if case not in self._kept:
                self._kept[case] = Background(partial(self._work, case), partial(self._state, case))
            self._kept.move_to_end(case)
            background = self._kept[case]
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return soon(background)

    def clear(self) -> None:
        """Forget all results."""
        with self._lock:
            self._kept.clear()
