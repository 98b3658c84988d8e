"""The version of each source file that a snapshot shows: its present content, or the one that an older run counts.

A live run is shown with the files as they are now, as coverage.py's reports are: a file that has been edited since is
left out until the server runs the new version. An older run is shown with the files as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..model.records import FileStatements
from ..queries.recorded_files import CountedContents, analyse_contents, counted_contents
from ..sources.content import content_hash, stat_source
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries

# The statements of a content, or why they cannot be counted.
Analysed = FileStatements | str


class SourceVersions(Protocol):
    """Maps the path of a file to the hash of its content that is shown; empty if there is none."""

    @property
    def listed(self) -> Collection[str]:
        """The paths of all files that the configuration selects, executed or not."""

    @property
    def unknown(self) -> Mapping[str, str]:
        """The paths of files of which no content is known, with the reasons."""

    def refresh(self, queries: RunQueries) -> None:
        """Look for other contents. Between two calls, the hash of a file stays the same."""

    def __getitem__(self, path: str) -> str:
        """Return the hash of the content that is shown."""

    def is_stale(self, path: str, content: str) -> bool:
        """Return whether lines of this recorded content are left out, because another one is shown."""

    def here(self, path: str) -> str:
        """Return the path by which the configuration selects the file."""

    def analyse(self, queries: RunQueries, paths: Mapping[str, str]) -> dict[str, Analysed]:
        """Return the statements of contents, given by their hashes with a path that has them.

        Contents that cannot be read any more are missing.
        """


class PresentVersions:
    """The files as they are now.

    :param listed: the paths of all files that the configuration selects, executed or not.
    """

    def __init__(self, listed: Sequence[str], analyser: StatementAnalyser) -> None:
        self.listed = listed
        self._analyser = analyser
        # Hashes are computed again only for files that have changed.
        self._known: dict[str, tuple[tuple[int, int], str]] = {}
        self._seen: dict[str, str] = {}
        self.unknown: Mapping[str, str] = {}

    def refresh(self, _queries: RunQueries) -> None:
        """Check each file again at its next use."""
        self._seen.clear()

    def __getitem__(self, path: str) -> str:
        seen = self._seen.get(path)
        if seen is None:
            seen = self._seen[path] = self._hash(path)
        return seen

    def _hash(self, path: str) -> str:
        try:
            found = stat_source(path)
        except OSError:
            return ""
        now = found.st_mtime_ns, found.st_size
        known = self._known.get(path)
        if known is None or known[0] != now:
            known = self._known[path] = now, content_hash(path)
        return known[1]

    def is_stale(self, path: str, content: str) -> bool:
        """Return whether the file has another content now."""
        return content != self[path]

    def here(self, path: str) -> str:
        """Return the path itself."""
        return path

    def analyse(self, _queries: RunQueries, paths: Mapping[str, str]) -> dict[str, Analysed]:
        """Return the statements of the files themselves."""
        return {content: self._analyser.analyse_or_explain(path) for content, path in paths.items()}


class RecordedVersions:
    """The files as they were when the run was recorded, from the contents that the store keeps."""

    def __init__(self, analyser: StatementAnalyser) -> None:
        self._analyser = analyser
        self._counted = CountedContents({}, {}, {})

    @property
    def listed(self) -> Collection[str]:
        """The paths of all files of the run that have a known content."""
        return self._counted.contents.keys()

    @property
    def unknown(self) -> Mapping[str, str]:
        """The paths of files that were edited too early."""
        return self._counted.unknown

    def refresh(self, queries: RunQueries) -> None:
        """Read the contents of each file."""
        self._counted = counted_contents(queries)

    def __getitem__(self, path: str) -> str:
        return self._counted.contents.get(path, "")

    def is_stale(self, path: str, content: str) -> bool:
        """Return whether the file was edited while it was recorded."""
        return content != self._counted.contents.get(path, content)

    def here(self, path: str) -> str:
        """Return the path on this machine, which the configuration's [paths] may map to another one."""
        return self._counted.here.get(path, path)

    def analyse(self, queries: RunQueries, paths: Mapping[str, str]) -> dict[str, Analysed]:
        """Return the statements of the contents that were kept, or that the files still have."""
        return analyse_contents(queries, self._analyser, paths)
