"""Reads the content of source files, which may be in archives, and compares it with the code that was loaded."""

from __future__ import annotations

import errno
import importlib.util
import marshal
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from ..model.bitmap import to_bitmap
from ..model.contents import hash_of
from .coveragepy import archive_of

_CO_OPTIMIZED = 0x1
_WORD = 0xFFFFFFFF

_INLINE_SCOPES = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})

# Stands for the hash of a content that is unknown because the file was edited. It equals no hash.
EDITED = "edited"

# The limit for a file of unknown content. Hardly any file is as long.
UNKNOWN_LINE_LIMIT = 1 << 18


class Content(NamedTuple):
    """The hash of a file's content, and an upper limit for its line numbers."""

    hash: str
    line_limit: int = UNKNOWN_LINE_LIMIT


def read_source(path: str) -> bytes:
    """Return the bytes of a source file, which may be in an archive. Raises OSError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except NotADirectoryError:
        found = archive_of(path)
        if found is None:
            raise
        return _read_from_archive(*found)


def _read_from_archive(archive: str, name: str) -> bytes:
    # Not through zipimport, which caches the archive's directory when it first reads it.
    try:
        with ZipFile(archive) as opened:
            return opened.read(name)
    # RuntimeError: it is encrypted, or compressed by a method that Python does not support.
    except (KeyError, BadZipFile, RuntimeError, zlib.error) as error:
        raise FileNotFoundError(errno.ENOENT, str(error), os.path.join(archive, name)) from error


def stat_source(path: str) -> os.stat_result:
    """Return the state of the file that contains the source at ``path``: itself or its archive. Raises OSError."""
    try:
        return os.stat(path)
    except NotADirectoryError:
        found = archive_of(path)
        if found is None:
            raise
        return os.stat(found[0])


def content_hash(path: str) -> str:
    """Return a short hash of the file's bytes; empty if it cannot be read."""
    return content_of(path).hash


def content_of(path: str) -> Content:
    """Return the hash of the file's current content and the limit for its line numbers."""
    try:
        source = read_source(path)
    except OSError:
        return Content("")
    lines = source.count(b"\n") + source.count(b"\r")
    return Content(hash_of(source), 2 * lines + 1000)


def is_unchanged_since_load(path: str, cached: str | None) -> bool:
    """True if the source at ``path`` is the one from which the module was loaded, judging by its bytecode file.

    Such a file begins with the time and size, or a hash, of its source (PEP 552). True if nothing can be determined.
    """
    try:
        data, source = Path(cached or "").read_bytes(), Path(path)
        if data[4] & 1:
            return data[8:16] == importlib.util.source_hash(source.read_bytes())
        about = source.stat()
        if [int(about.st_mtime) & _WORD, about.st_size & _WORD] == list(struct.unpack("<2L", data[8:16])):
            return True
        # Copying or checking out files changes only their times.
        compiled = compile(source.read_bytes(), path, "exec", dont_inherit=True)
        return _lines_of(marshal.loads(data[16:])) == _lines_of(compiled)
    except (OSError, IndexError, struct.error, ValueError, TypeError, EOFError, SyntaxError):
        return True


def _lines_of(code: CodeType) -> list[Any]:
    """Return what is equal in two versions of a module exactly if they are the same code, line for line."""
    inner = [_lines_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code.co_qualname, code.co_code, code.co_names, list(code.co_lines()), *inner]


def import_time_lines(path: str) -> int:
    """Return the bitmap of the lines that run when the file is imported: outside any function's body.

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
        # Only function bodies are compiled with fast locals; class bodies run with their module.
        if isinstance(constant, CodeType) and (
            not constant.co_flags & _CO_OPTIMIZED or constant.co_name in _INLINE_SCOPES
        ):
            yield from _import_time_code(constant)
