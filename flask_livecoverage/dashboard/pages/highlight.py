"""Highlights source files as lines of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import decode_source

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from ...sources.content import content_hash, read_source

_LEXER = PythonLexer(stripnl=False)
_FORMATTER = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=200)
def highlighted(path: str, content: str) -> Sequence[Markup] | None:
    """Return the lines of the file at ``path``; None if the hash of its content is no longer ``content``."""
    if content_hash(path) != content:
        return None
    try:
        text = decode_source(read_source(path))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    # The formatter closes all tags at the end of a line, so the lines can be split.
    lines = highlight(text, _LEXER, _FORMATTER).split("\n")
    return [Markup(line) for line in lines[: text.count("\n") + (not text.endswith("\n"))]]
