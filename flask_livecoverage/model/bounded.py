"""Bounds dicts whose keys an application can invent without end, such as names of files."""

from __future__ import annotations

from typing import Any

# More files than an application has; some 5 MB for values of a few machine words each.
MAX_FILES = 20_000


def make_room(kept: dict[Any, Any], most: int = MAX_FILES) -> None:
    """Remove some items of ``kept`` if it holds ``most`` items or more.

    The older half stays, because it holds the application's own files, which existed before any request could create
    others. So do the newest items, because another thread may be about to read what it has just added.
    """
    if len(kept) >= most:
        for key in list(kept)[most // 2 : -(most // 4)]:
            kept.pop(key, None)
