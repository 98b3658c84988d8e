"""Selects the files that are application code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType, SimpleNamespace
from typing import Any

from ..model.bounded import make_room
from ..settings import SOURCE_VARIABLE
from . import coveragepy
from .content import EDITED, Content, content_of, is_unchanged_since_load

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_PYTHON_SUFFIXES = (".py", ".pyw", "")


def configured_sources(environ: Mapping[str, str]) -> list[str]:
    """Return the packages and folders that ``LIVECOVERAGE_SOURCE`` names, for :class:`Sources`."""
    return [name for name in environ.get(SOURCE_VARIABLE, "").split(",") if name]


class Sources:
    """The application's files: exactly those that coverage.py would measure under the user's configuration.

    :param source: packages or folders that replace the configuration's ``source``.
    """

    def __init__(self, source: Sequence[str] = ()) -> None:
        self._chooser = coveragepy.FileChooser(source)
        self._contents: dict[str, Content] = {}

    @property
    def branch(self) -> bool:
        """True if branch coverage is configured."""
        return bool(self._chooser.config.branch)

    @property
    def names(self) -> list[str]:
        """The packages and folders to which measuring is limited; empty without a limit. Folders are absolute."""
        config = self._chooser.config
        # New in coverage.py 7.8: folders alone.
        folders = getattr(config, "source_dirs", None) or []
        names = [*(config.source or []), *(config.source_pkgs or []), *folders]
        return [os.path.abspath(name) if os.path.isdir(name) else name for name in names]

    @property
    def unsupported_plugins(self) -> list[str]:
        """The configured coverage.py plugins that measure other files than Python files; they are not used."""
        return self._chooser.file_tracer_plugins

    def disposition(self, filename: str, frame: FrameType | None) -> coveragepy.Disposition:
        """Return coverage.py's disposition of the code in ``filename``; files that are never measured are excluded."""
        disposition = self._chooser.disposition(filename, frame)
        if disposition.trace and not _is_application_code(disposition.source_filename):
            disposition.trace = False
        if disposition.trace:
            # The first code of the file runs now, mostly at its import, so it has hardly been edited since it was
            # loaded.
            self.content(disposition.source_filename)
        return disposition

    def file_of(self, filename: str, frame: FrameType | None) -> str | None:
        """Return the canonical path under which code in ``filename`` is measured, or None if it is not."""
        disposition = self.disposition(filename, frame)
        return disposition.source_filename if disposition.trace else None

    def measures(self, path: str) -> bool:
        """True if the file at ``path`` is measured. None of its code needs to be running."""
        # Configurations that name packages are matched against the module's name, which only its globals contain.
        module = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == path), None)
        return self._measures(path, {} if module is None else vars(module))

    def measured_modules(self, names: Iterable[str]) -> list[str]:
        """Return the names of those of the given imported modules whose files are measured, sorted."""
        found = {name: getattr(sys.modules.get(name), "__dict__", {}) for name in names}
        return sorted(name for name, variables in found.items() if self._measures(variables.get("__file__"), variables))

    def file_of_module(self, name: str) -> str | None:
        """Return the canonical path of an imported module's file; None if there is none, or it is not measured."""
        variables = getattr(sys.modules.get(name), "__dict__", {})
        path = variables.get("__file__")
        frame: Any = SimpleNamespace(f_globals=variables)
        return self.file_of(path, frame) if isinstance(path, str) else None

    def _measures(self, path: object, variables: Mapping[str, Any]) -> bool:
        frame: Any = SimpleNamespace(f_globals=variables)
        return isinstance(path, str) and self.file_of(path, frame) is not None

    def note_imported(self) -> None:
        """Read the files of the modules imported so far. Their code may still run after the files are edited."""
        for module in list(sys.modules.values()):
            variables = getattr(module, "__dict__", {})
            path = variables.get("__file__")
            if not isinstance(path, str) or path.startswith(_PACKAGE) or not self._measures(path, variables):
                continue
            # From the spec: Python 3.15 has no __cached__ any more.
            if not is_unchanged_since_load(path, getattr(variables.get("__spec__"), "cached", None)):
                found = self.file_of(path, SimpleNamespace(f_globals=variables))  # type: ignore[arg-type]
                self._contents[found or path] = Content(EDITED)

    def content(self, path: str) -> str:
        """Return the hash of the file's content when it was loaded, or else when it was first requested.

        Empty if the file could not be read then, :data:`.EDITED` if it had been edited since it was loaded.
        """
        return self._content(path).hash

    def line_limit(self, path: str) -> int:
        """Return an upper limit for the file's line numbers; :data:`.UNKNOWN_LINE_LIMIT` if its content is unknown.

        Tools that build code from syntax trees choose any line numbers, and recording a line takes memory for all
        lines before it. No report shows lines after the end of a file, neither ours nor those of coverage.py. The file
        may have grown when a module is loaded again, so the limit is far beyond the end.
        """
        return self._content(path).line_limit

    def _content(self, path: str) -> Content:
        known = self._contents.get(path)
        if known is None:
            make_room(self._contents)
            known = self._contents[path] = content_of(path)
        return known

    def possible_files(self) -> list[str]:
        """Return all files inside the configured ``source``, executed or not, sorted; nothing without one."""
        return sorted(path for path in self._chooser.possible_files() if _is_application_code(path))


def _is_application_code(path: str) -> bool:
    # Jinja compiles templates to code with the template's path; coverage.py's reports skip them too.
    return os.path.splitext(path)[1] in _PYTHON_SUFFIXES and not path.startswith(_PACKAGE)
