"""Which files are application code, and what is in them."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import marshal
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from ..model.bitmap import to_bitmap
from ..model.bounded import make_room
from ..settings import SOURCE_VARIABLE
from . import coveragepy

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_PYTHON_SUFFIXES = (".py", ".pyw", "")
_CO_OPTIMIZED = 0x1
_WORD = 0xFFFFFFFF

# In place of the hash of a content that nobody knows: it equals none.
EDITED = "edited"

# In place of the last line of a file whose content nobody knows: hardly a file is as long.
UNKNOWN_LINE_LIMIT = 1 << 18

_INLINE_SCOPES = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


def configured_sources(environ: Mapping[str, str]) -> list[str]:
    """The packages and folders that ``LIVECOVERAGE_SOURCE`` names, for :class:`Sources`."""
    return [name for name in environ.get(SOURCE_VARIABLE, "").split(",") if name]


class Content(NamedTuple):
    """What is known of a file's content: its hash, and a number that none of its lines has a higher one than."""

    hash: str
    line_limit: int = UNKNOWN_LINE_LIMIT


class Sources:
    """The application's files: exactly those that coverage.py would measure under the user's configuration.

    :param source: packages or folders that stand in for the configuration's ``source``.
    """

    def __init__(self, source: Sequence[str] = ()) -> None:
        self._chooser = coveragepy.FileChooser(source)
        self._contents: dict[str, Content] = {}

    @property
    def branch(self) -> bool:
        """Whether the configuration asks for branch coverage."""
        return bool(self._chooser.config.branch)

    @property
    def names(self) -> list[str]:
        """The packages and folders that are measured alone; empty without such a choice. Folders are absolute."""
        config = self._chooser.config
        # New in coverage.py 7.8: folders alone.
        folders = getattr(config, "source_dirs", None) or []
        names = [*(config.source or []), *(config.source_pkgs or []), *folders]
        return [os.path.abspath(name) if os.path.isdir(name) else name for name in names]

    @property
    def unsupported_plugins(self) -> list[str]:
        """Configured coverage.py plugins that measure other files than Python's; they are left out."""
        return self._chooser.file_tracer_plugins

    def disposition(self, filename: str, frame: FrameType | None) -> coveragepy.Disposition:
        """coverage.py's disposition object for the code in ``filename``, with what is never measured ruled out."""
        disposition = self._chooser.disposition(filename, frame)
        if disposition.trace and not _is_application_code(disposition.source_filename):
            disposition.trace = False
        if disposition.trace:
            # Asked when the first code of the file runs: mostly its import, and nobody has edited it since.
            self.content(disposition.source_filename)
        return disposition

    def file_of(self, filename: str, frame: FrameType | None) -> str | None:
        """The canonical path under which code in ``filename`` is measured, or None if it is not."""
        disposition = self.disposition(filename, frame)
        return disposition.source_filename if disposition.trace else None

    def measures(self, path: str) -> bool:
        """Whether the file at ``path`` is measured, asked without code of it running."""
        # Configurations that name packages are matched against the module's name, which only its globals tell.
        module = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == path), None)
        return self._measures(path, {} if module is None else vars(module))

    def measured_modules(self, names: Iterable[str]) -> list[str]:
        """Those of the imported modules with these names whose files are measured, sorted."""
        found = {name: getattr(sys.modules.get(name), "__dict__", {}) for name in names}
        return sorted(name for name, variables in found.items() if self._measures(variables.get("__file__"), variables))

    def _measures(self, path: object, variables: Mapping[str, Any]) -> bool:
        frame: Any = SimpleNamespace(f_globals=variables)
        return isinstance(path, str) and self.file_of(path, frame) is not None

    def note_imported(self) -> None:
        """See what is in the files of the modules that are imported by now: their code may run when they are edited."""
        for module in list(sys.modules.values()):
            variables = getattr(module, "__dict__", {})
            path = variables.get("__file__")
            if not isinstance(path, str) or path.startswith(_PACKAGE) or not self._measures(path, variables):
                continue
            # Python 3.15 has no __cached__ any more.
            if not is_unchanged_since_load(path, getattr(variables.get("__spec__"), "cached", None)):
                found = self.file_of(path, SimpleNamespace(f_globals=variables))  # type: ignore[arg-type]
                self._contents[found or path] = Content(EDITED)

    def content(self, path: str) -> str:
        """The hash of the file's content as it was loaded, or else when it was first asked for.

        Empty if it could not be read then, :data:`EDITED` if it had been edited since it was loaded.
        """
        return self._content(path).hash

    def line_limit(self, path: str) -> int:
        """A number that no line of the file has a higher one than; :data:`UNKNOWN_LINE_LIMIT` where its content is not known.

        Tools that make code from syntax trees choose line numbers as they like, and what is kept of a line takes room
        for all lines before it. No report shows lines behind the end of a file: neither ours nor coverage.py's. The
        file may have grown when a module is loaded again, so this is far behind the end.
        """
        return self._content(path).line_limit

    def _content(self, path: str) -> Content:
        known = self._contents.get(path)
        if known is None:
            make_room(self._contents)
            known = self._contents[path] = _content_of(path)
        return known

    def possible_files(self) -> list[str]:
        """All files inside the configured ``source``, executed or not, sorted; nothing without one."""
        return sorted(path for path in self._chooser.possible_files() if _is_application_code(path))


def _is_application_code(path: str) -> bool:
    # Templates carry their own path into the code that Jinja makes of them; coverage.py's reports skip them too.
    return os.path.splitext(path)[1] in _PYTHON_SUFFIXES and not path.startswith(_PACKAGE)


def read_source(path: str) -> bytes:
    """The bytes of a source file, which may be in an archive. Raises OSError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except NotADirectoryError:
        found = coveragepy.archive_of(path)
        if found is None:
            raise
        return _read_from_archive(*found)


def _read_from_archive(archive: str, name: str) -> bytes:
    # Not through zipimport: it keeps a list of what was in the archive when it first looked.
    try:
        with ZipFile(archive) as opened:
            return opened.read(name)
    # RuntimeError: it is encrypted, or packed in a way that Python does not unpack.
    except (KeyError, BadZipFile, RuntimeError, zlib.error) as error:
        raise FileNotFoundError(errno.ENOENT, str(error), os.path.join(archive, name)) from error


def stat_source(path: str) -> os.stat_result:
    """The state of the file that holds the source at ``path``: that itself, or its archive. Raises OSError."""
    try:
        return os.stat(path)
    except NotADirectoryError:
        found = coveragepy.archive_of(path)
        if found is None:
            raise
        return os.stat(found[0])


def content_hash(path: str) -> str:
    """A short hash of the file's bytes; empty if it cannot be read."""
    return _content_of(path).hash


def _content_of(path: str) -> Content:
    try:
        source = read_source(path)
    except OSError:
        return Content("")
    lines = source.count(b"\n") + source.count(b"\r")
    return Content(hashlib.sha256(source).hexdigest()[:16], 2 * lines + 1000)


def is_unchanged_since_load(path: str, cached: str | None) -> bool:
    """Whether the module at ``path`` was loaded from what is there now, as far as its bytecode file tells.

    Such a file begins with the time and size, or a hash, of its source (PEP 552).
    """
    try:
        data, source = Path(cached or "").read_bytes(), Path(path)
        if data[4] & 1:
            return data[8:16] == importlib.util.source_hash(source.read_bytes())
        about = source.stat()
        if [int(about.st_mtime) & _WORD, about.st_size & _WORD] == list(struct.unpack("<2L", data[8:16])):
            return True
        # Whoever copies or checks out files changes their times alone.
        compiled = compile(source.read_bytes(), path, "exec", dont_inherit=True)
        return _lines_of(marshal.loads(data[16:])) == _lines_of(compiled)
    except (OSError, IndexError, struct.error, ValueError, TypeError, EOFError, SyntaxError):
        return True


def _lines_of(code: CodeType) -> list[Any]:
    """What makes one version of a module another one's equal, line for line."""
    inner = [_lines_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code.co_qualname, code.co_code, code.co_names, list(code.co_lines()), *inner]


def import_time_lines(path: str) -> int:
    """The bitmap of lines that run when the file is imported: outside any function's body.

    Empty for a file that cannot be read or compiled.
    """
    try:
        module = compile(read_source(path), path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return 0
    return to_bitmap(line for code in _import_time_code(module) for _, _, line in code.co_lines() if line)


def _import_time_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        # Function bodies alone are compiled with fast locals; class bodies run with their module.
        if isinstance(constant, CodeType) and (
            not constant.co_flags & _CO_OPTIMIZED or constant.co_name in _INLINE_SCOPES
        ):
            yield from _import_time_code(constant)
