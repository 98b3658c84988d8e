"""The contents that files had when a run was recorded, wherever they still are: in the store, on disk, or in git."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigurationError
from ..model.contents import hash_of
from ..repository.history import Repository
from ..sources.content import read_source
from ..store import RunQueries

# For each of these, git is asked for the versions of a file.
_MAX_IN_GIT = 500


def read_contents(queries: RunQueries, paths: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of contents, given by their hashes with a path that had them; those that are nowhere are missing."""
    found = queries.contents.load(paths)
    for content in paths.keys() - found.keys():
        with suppress(OSError):
            data = read_source(paths[content])
            if hash_of(data) == content:
                found[content] = data
    missing = {content: path for content, path in paths.items() if content and content not in found}
    return {**found, **_committed(missing)} if missing else found


def _committed(paths: Mapping[str, str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    repositories: dict[Path, Repository | None] = {}
    for content, path in sorted(paths.items(), key=lambda item: item[1])[:_MAX_IN_GIT]:
        repository = _repository_of(Path(path), repositories)
        if repository is not None:
            data = committed_content(repository, path, content)
            if data is not None:
                found[content] = data
    return found


def _repository_of(path: Path, known: dict[Path, Repository | None]) -> Repository | None:
    folder = next((above for above in path.parents if above.is_dir()), None)
    if folder is None:
        return None
    if folder not in known:
        known[folder] = None
        with suppress(ConfigurationError):
            known[folder] = Repository.find(folder)
    return known[folder]


def committed_content(repository: Repository, path: str, content: str) -> bytes | None:
    """The content with this hash of the file at an absolute ``path``, if a commit that changed it has it."""
    name = repository.name_of(path)
    if name is None:
        return None
    return next((data for data in repository.versions(name) if hash_of(data) == content), None)
