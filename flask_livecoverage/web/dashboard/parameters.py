"""Checks of the pages' parameters."""

from __future__ import annotations

from ...text import LONGEST_NAME, storable

__all__ = ["page_number", "stored_name"]


def page_number(value: str) -> int:
    """A number from 1 up. Raises ValueError naming the highest."""
    if not (value.isascii() and value.isdecimal() and 1 <= len(value) <= 7 and int(value)):
        raise ValueError("use 1 to 9999999")
    return int(value)


def stored_name(value: str) -> str:
    """``value`` as records have it."""
    return storable(value, LONGEST_NAME)
