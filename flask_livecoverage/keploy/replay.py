"""Sends recorded test cases to a server again, and compares the responses with the recorded ones."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..model.records import Run, Trace
from .cases import Case
from .comparison import differences
from .resending import send


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a case: the response's status (None without a response), and the differences to the recording."""

    case: Case
    status: int | None
    differences: Sequence[str]

    @property
    def passed(self) -> bool:
        """Return whether there are no differences."""
        return not self.differences


def replay_cases(
    cases: Sequence[Case],
    url: str,
    *,
    timeout: float,
    ignore_ordering: bool = False,
) -> Iterator[Outcome]:
    """Send ``cases``, in order and one at a time, to the server at ``url``.

    The headers are those of Keploy's replay (``keploy/keploy``, ``pkg/util.go``).

    :param timeout: the limit for each case, in seconds.
    """
    for case in cases:
        yield _replay(case, url, timeout, ignore_ordering, is_last=case is cases[-1])


def _replay(case: Case, url: str, timeout: float, ignore_ordering: bool, *, is_last: bool) -> Outcome:
    headers = [("KEPLOY-TEST-ID", case.name), ("KEPLOY-TEST-SET-ID", case.test_set)]
    if is_last:
        headers.append(("KEPLOY-LAST-TESTCASE", "true"))
    try:
        response = send(url, case.request, headers, timeout)
    except TimeoutError:
        return Outcome(case, None, [f"no complete response within {timeout:g} seconds"])
    except (OSError, http.client.HTTPException) as error:
        return Outcome(case, None, [f"no response ({str(error) or type(error).__name__})"])
    return Outcome(case, response.status, differences(case, response, ignore_ordering=ignore_ordering))


def lines_by_case(run: Run, cases: Sequence[Case], since: float) -> dict[str, dict[str, list[int]]]:
    """The lines by absolute path that each case's requests executed, by the case's id, in the order of ``cases``.

    A case without a request in ``run`` since ``since``, in UNIX time, is left out.
    """
    traces: dict[str, list[Trace]] = {case.id: [] for case in cases}
    for request in run.requests:
        if request.started_at >= since and request.test in traces and request.trace in run.traces:
            traces[request.test].append(run.traces[request.trace])
    return {test: Trace.union(found).line_numbers() for test, found in traces.items() if found}
