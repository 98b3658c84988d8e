"""Text that clients chose: names, paths, methods. What of it is kept, and how it is shown."""

from __future__ import annotations

import re

LONGEST_NAME = 1000

# Between the name of a test and that of a part of it.
PART_SEPARATOR = " > "
LONGEST_PATH = 2000
LONGEST_METHOD = 40
# In tables.
LONGEST_SHOWN_PATH = 60

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str, longest: int) -> str:
    """At most ``longest`` characters of ``text``, without those that not every database and file format can hold.

    These are NUL and the halves of surrogate pairs; U+FFFD stands for them. All others are kept.
    """
    if text.isascii() and "\0" not in text:
        return text[:longest]
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:longest])


def printable(text: str) -> str:
    r"""``text`` in one line, for people: what a terminal would act on is written as an escape, such as ``\x1b``.

    So are the characters that cannot be seen or change the direction of others.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def quoted(text: str) -> str:
    """``text`` in quotation marks, as an error message names it: printable, and not long."""
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


def abridged(text: str, longest: int = LONGEST_SHOWN_PATH) -> str:
    """``text`` for a cell of a table: of a longer one than ``longest`` characters, its beginning and its end."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def window_name(text: str) -> str:
    """``text``, if a window may have that name; raises ValueError saying what one may have."""
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise ValueError(f"use 1 to {LONGEST_NAME} printable characters")
    return text
