"""Bounds what is kept under keys that an application could make up for ever: names of files, above all."""

from __future__ import annotations

from typing import Any

# More files than an application has; some 5 MB, where a few words are kept of each.
MOST_FILES = 20_000


def make_room(kept: dict[Any, Any], most: int = MOST_FILES) -> None:
    """Forget some of ``kept`` if it holds ``most`` items or more.

    The older half stays: it holds the application's own files, which were there before any request could make new ones.
    So do the newest items, because another thread may be about to read what it has just put there.
    """
    if len(kept) >= most:
        for key in list(kept)[most // 2 : -(most // 4)]:
            kept.pop(key, None)
