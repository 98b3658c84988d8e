r"""Access logs of web servers, in the Common and the Combined Log Format.

The formats are Apache's: https://httpd.apache.org/docs/current/mod/mod_log_config.html. nginx, gunicorn, uWSGI and most
others write them too, with further fields at the end. Apache escapes a quotation mark in a request as ``\"``, nginx as
``\x22``, and both escape unprintable bytes as ``\xhh``.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from urllib.parse import unquote_to_bytes

from ..errors import ConfigurationError

# A file that is not a log may have no line ends.
MAX_LINE_LENGTH = 1 << 16

_LINE = re.compile(rb'\S+ [^"]*\[[^\]"]+\] "((?:[^"\\]|\\.)*)" [0-9]{3} (?:[0-9]+|-)(?=\s|$)')
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +(.*?)(?: +HTTP/[0-9.]+)?", re.DOTALL)
_PATH = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?(/[^?#]*|(?=[?#]|$))", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v", b"f": b"\f"}

_GZIP = b"\x1f\x8b"


class AccessLog:
    """The requests in the access log at ``path`` (``-``: standard input; compressed with gzip or not).

    Iterating reads it, once and a line at a time, and yields the method and path of each request, the path decoded and
    without the query. Afterwards, the counters hold the number of all lines and of those without a request.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines = 0
        self.malformed = 0
        self.first_malformed = 0
        self.without_request = 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        with self._opened() as file:
            for line in _lines(file):
                self.lines += 1
                found = _LINE.match(line)
                if found is None:
                    self._count_malformed(line)
                    continue
                request = _request(found[1])
                if request is None:
                    self.without_request += 1
                else:
                    yield request

    def check(self) -> None:
        """Raise ConfigurationError if no line that was read is in a log's format."""
        if self.malformed == self.lines:
            state = f"none of its {self.lines} lines is" if self.lines else "it is empty, and not"
            raise ConfigurationError(
                f"{self.name}: {state} in the Common or Combined Log Format: name an access log as Apache, nginx and "
                "gunicorn write it by default"
            )

    @property
    def name(self) -> str:
        """Its name in messages."""
        return "standard input" if self.path == "-" else self.path

    def _count_malformed(self, line: bytes) -> None:
        if not line.strip():
            self.lines -= 1
            return
        self.malformed += 1
        self.first_malformed = self.first_malformed or self.lines

    @contextmanager
    def _opened(self) -> Iterator[BufferedIOBase]:
        try:
            with open(sys.stdin.fileno() if self.path == "-" else self.path, "rb", closefd=self.path != "-") as file:
                yield _decompressed(file)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(f"cannot read the access log {self.name} ({reason})") from None


def _decompressed(file: BufferedReader) -> BufferedIOBase:
    return gzip.open(file) if file.peek(2)[:2] == _GZIP else file


def _lines(file: BufferedIOBase) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_LENGTH):
        if _is_whole(line):
            yield line
        else:
            while not _is_whole(file.readline(MAX_LINE_LENGTH)):
                pass
            yield b"too long"


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n") or len(line) < MAX_LINE_LENGTH


def _request(logged: bytes) -> tuple[str, str] | None:
    """Method and path; None for anything but an HTTP request, such as a TLS handshake."""
    found = _REQUEST.fullmatch(_ESCAPE.sub(_unescape, logged))
    path = found and _PATH.match(found[2])
    if not found or not path or not found[2]:
        return None
    return found[1].decode("ascii"), unquote_to_bytes(path[1]).decode("utf-8", "replace") or "/"


def _unescape(escape: re.Match[bytes]) -> bytes:
    character = escape[1]
    return bytes([int(character[1:], 16)]) if len(character) == 3 else _ESCAPED.get(character, character)
