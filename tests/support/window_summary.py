"""An oracle for the summary of a window, computed from all windows and traces at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from flask_livecoverage.analysis.window_history import WindowHistory
from flask_livecoverage.model.records import ExecutionTotals, Trace


def summarise_window(
    windows: Sequence[ExecutionTotals], before: Collection[str], traces: Mapping[str, Trace]
) -> dict[str, Any]:
    """Return the summary of the last of ``windows``.

    ``files`` and ``lines`` count what its requests executed, ``new_lines`` those of these lines that are in no trace of
    ``before``, ``duplicate_of`` names the first earlier window that executed exactly the same lines.

    :param before: ids of the traces recorded before it, of requests and of start-up.
    :param traces: by id; missing ones count as empty.
    """

    def of(ids: Iterable[str]) -> list[Trace]:
        return [traces[id_] for id_ in ids if id_ in traces]

    history = WindowHistory()
    history.add_before({id_: traces[id_] for id_ in before if id_ in traces})
    for number, window in enumerate(windows[:-1]):
        history.put(number, None, of(window.traces))
    last = of(windows[-1].traces)
    same = history.same_as(last, but=len(windows))
    return {
        "name": windows[-1].name,
        "requests": windows[-1].requests,
        **history.count(last),
        "duplicate_of": windows[min(same)].name if same else None,
    }
