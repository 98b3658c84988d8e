"""Highlights source files as lines of HTML."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib.util import decode_source

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

_LEXER = PythonLexer(stripnl=False)
_FORMATTER = HtmlFormatter(nowrap=True)

_MOST_KEPT = 200
_kept: OrderedDict[str, Sequence[Markup]] = OrderedDict()
_lock = threading.Lock()


def highlighted(content: str, read: Callable[[], bytes | None]) -> Sequence[Markup] | None:
    """Return the lines of the file whose content has this hash; ``read`` returns that content, None if it is lost."""
    with _lock:
        known = _kept.get(content)
        if known is not None:
            _kept.move_to_end(content)
            return known
    data = read()
    if data is None:
        return None
    try:
        text = decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        return None
    # The formatter closes all tags at the end of a line, so the lines can be split.
    lines = highlight(text, _LEXER, _FORMATTER).split("\n")
    found = [Markup(line) for line in lines[: text.count("\n") + (not text.endswith("\n"))]]
    with _lock:
        _kept[content] = found
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found
