"""The routes to cover next, from the statements and the sources of a snapshot."""

from __future__ import annotations

from ..model.records import Trace
from ..queries.gaps import Priorities, Traffic, rank_gaps, recorded_routes
from ..queries.old_contents import read_contents
from ..queries.statements import Statements
from ..sources.functions import Function, functions_in
from ..store import RunQueries
from .snapshot import Snapshot


def find_priorities(queries: RunQueries, snapshot: Snapshot) -> Priorities:
    """Rank the routes of ``snapshot`` as ``flask livecov priorities`` does, in the versions of files that it shows."""
    recorded = recorded_routes(queries)
    statements = Statements(
        all={file.path: file.analysis.statements for file in snapshot.files.values()},
        missing={file.path: file.analysis.statements & ~file.covered for file in snapshot.files.values()},
        executed={name: _executed(trace, snapshot) for name, trace in recorded.traces.items()},
        warnings=(),
    )
    return rank_gaps(recorded, Traffic(recorded.traffic), statements, _Functions(queries, snapshot))


def _executed(trace: Trace, snapshot: Snapshot) -> dict[str, int]:
    files = snapshot.by_path
    return {
        path: lines.lines
        for path, lines in trace.files.items()
        if path in files and files[path].content == lines.content
    }


class _Functions:
    """The functions of a file, by its path, as it was recorded; none if its content was not kept."""

    def __init__(self, queries: RunQueries, snapshot: Snapshot) -> None:
        self._queries = queries
        self._snapshot = snapshot

    def __call__(self, path: str) -> list[Function]:
        content = self._snapshot.by_path[path].content
        data = read_contents(self._queries, {content: path}).get(content)
        return [] if data is None else functions_in(data)
