"""Text that clients chose (names, paths, methods): how it is cut for storage, and how it is shown."""

from __future__ import annotations

import re
from collections.abc import Container

MAX_NAME_LENGTH = 1000

# Between the name of a test and that of a part of it.
PART_SEPARATOR = " > "
MAX_PATH_LENGTH = 2000
MAX_METHOD_LENGTH = 40
# In tables.
MAX_SHOWN_PATH = 60

_UNITS = ("KiB", "MiB", "GiB")

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def stored_text(text: str, longest: int) -> str:
    """Cut ``text`` to ``longest`` characters and replace those that some databases or file formats cannot hold.

    These are NUL and the halves of surrogate pairs; U+FFFD replaces them.
    """
    if text.isascii() and "\0" not in text:
        return text[:longest]
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:longest])


def whole_number(text: str, highest: int) -> int | None:
    """Return the number that ``text`` is in the digits 0 to 9; None if it is not one, or is above ``highest``.

    Python refuses to convert thousands of digits, so the length is checked first.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(highest))):
        return None
    number = int(text)
    return number if number <= highest else None


def printable(text: str) -> str:
    r"""Return ``text`` in one line, for people: control characters are escaped, such as ``\x1b``.

    So are characters that are invisible or change the direction of others.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def quoted(text: str) -> str:
    """Return ``text`` in quotation marks for an error message: printable, and not long."""
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


def abridged(text: str, longest: int = MAX_SHOWN_PATH) -> str:
    """Shorten ``text`` for a table's cell: beyond ``longest`` characters, only its beginning and end are kept."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def size_text(count: int) -> str:
    """Return a number of bytes, for people: ``12.5 KiB``."""
    if count < 1024:
        return f"{count} B"
    power = min(len(_UNITS), (count.bit_length() - 1) // 10)
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def window_name(text: str) -> str:
    """Return ``text`` if a window may have that name. Raises ValueError naming what is accepted."""
    if not 0 < len(text) <= MAX_NAME_LENGTH or not text.isprintable():
        raise ValueError(f"use 1 to {MAX_NAME_LENGTH} printable characters")
    return text


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number and the noun for what it counts: ``1 file``, ``2 files``; ``plural`` if it does not end in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def whole_name(name: str, tests: Container[str]) -> str:
    """Return the one of ``tests`` that ``name`` is, or is a part of; ``name`` itself if there is none."""
    whole = name
    # A node id may contain the separator itself.
    while whole not in tests and PART_SEPARATOR in whole:
        whole = whole.rpartition(PART_SEPARATOR)[0]
    return whole if whole in tests else name
