"""Sends recorded test cases to a server again, and says which of them it answers as it did."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .cases import Case
from .comparison import differences
from .requests import send


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went: the status that was answered (None without an answer), and what differs from the recording."""

    case: Case
    status: int | None
    differences: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def replay_cases(
    cases: Sequence[Case],
    url: str,
    *,
    timeout: float,
    ignore_ordering: bool = False,
    progress: Callable[[Case], None] = lambda case: None,
) -> Iterator[Outcome]:
    """Send ``cases``, in their order and one after the other, to the server at ``url``.

    The headers are those with which Keploy replays (``keploy/keploy``, ``pkg/util.go``).

    :param timeout: seconds that each may take.
    :param progress: called with each case before it is sent.
    """
    for case in cases:
        progress(case)
        yield _replay(case, url, timeout, ignore_ordering, is_last=case is cases[-1])


def _replay(case: Case, url: str, timeout: float, ignore_ordering: bool, *, is_last: bool) -> Outcome:
    headers = [("KEPLOY-TEST-ID", case.name), ("KEPLOY-TEST-SET-ID", case.test_set)]
    if is_last:
        headers.append(("KEPLOY-LAST-TESTCASE", "true"))
    try:
        response = send(url, case.request, headers, timeout)
    except TimeoutError:
        return Outcome(case, None, [f"no whole answer within {timeout:g} seconds"])
    except (OSError, http.client.HTTPException) as error:
        return Outcome(case, None, [f"no answer ({str(error) or type(error).__name__})"])
    return Outcome(case, response.status, differences(case, response, ignore_ordering=ignore_ordering))
