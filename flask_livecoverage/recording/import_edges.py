"""Records which file of the application imports which, as it happens: also imports by a computed name."""

from __future__ import annotations

import logging
import sys
from importlib.machinery import ModuleSpec
from types import FrameType
from typing import Any

from ..sources.selection import Sources

logger = logging.getLogger("flask_livecoverage")

# A file that imports another one: the paths of both.
Edge = tuple[str, str]


class ImportEdges:
    """A finder that is first on ``sys.meta_path``, finds nothing, and notes the file that asks for a module.

    Python asks finders for the first import of a module alone. Later imports by other files are in their source.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        # Modules with the files that have imported them, not yet taken.
        self._pending: set[tuple[str, str]] = set()
        # By the name of a package: whether it is known to be no part of the application.
        self._foreign = dict.fromkeys(sys.stdlib_module_names, True)

    def install(self) -> None:
        """Begin to note imports. Idempotent."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Stop noting imports. Idempotent."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Note the import; None, so that the other finders are asked."""
        try:
            if not self._is_foreign(name.partition(".")[0]):
                importer = self._application_file(sys._getframe(1))
                if importer is not None:
                    self._pending.add((importer, name))
        except Exception:
            # The import must not fail with it.
            logger.debug("the import of %s is not noted", name, exc_info=True)
        return None

    def _is_foreign(self, package: str) -> bool:
        found = self._foreign.get(package)
        if found is None:
            if package not in sys.modules:
                return False  # it is imported now for the first time
            # Not by its attribute, which a module that loads itself late would have to make.
            has_file = getattr(sys.modules[package], "__dict__", {}).get("__file__") is not None
            found = self._foreign[package] = has_file and self._sources.file_of_module(package) is None
        return found

    def _application_file(self, frame: FrameType | None) -> str | None:
        """Return the innermost file of the application that runs: the importer may call a library that imports."""
        while frame is not None:
            path = frame.f_code.co_filename
            # Files of the import system itself, and code without a file.
            if not path.startswith("<") and (found := self._sources.file_of(path, frame)) is not None:
                return found
            frame = frame.f_back
        return None

    def take(self) -> list[Edge]:
        """Return the edges between files of the application since the last call, sorted."""
        edges = set()
        while self._pending:
            importer, name = self._pending.pop()
            imported = self._sources.file_of_module(name)
            if imported is not None and imported != importer:
                edges.add((importer, imported))
        return sorted(edges)
