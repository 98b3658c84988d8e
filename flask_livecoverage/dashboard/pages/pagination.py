"""Tables that are sorted and shown in parts, as addresses say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

ROWS = 100


@dataclass(frozen=True)
class Sorting:
    """By which column a table is sorted. In addresses, ``-`` in front of it says: descending."""

    column: str
    descending: bool

    def then(self, column: str, *, descending: bool) -> str:
        """What a click on the head of ``column`` asks for; the first click sorts as ``descending`` says."""
        if column == self.column:
            descending = not self.descending
        return f"-{column}" if descending else column

    def aria(self, column: str) -> str:
        """The value of ``aria-sort`` for ``column``; empty for another one than this."""
        return "" if column != self.column else "descending" if self.descending else "ascending"


def sorting(columns: Collection[str]) -> Callable[[str], Sorting]:
    """A check that a parameter names one of ``columns``."""

    def check(value: str) -> Sorting:
        column = value.removeprefix("-")
        if column not in columns:
            raise ValueError(f"use {', '.join(columns)}")
        return Sorting(column, value.startswith("-"))

    return check


def sort(items: Iterable[Item], by: Sorting, key: Callable[[Item], Any]) -> list[Item]:
    """``items`` in the order that ``by`` asks for; equal ones stay as they are."""
    return sorted(items, key=key, reverse=by.descending)


@dataclass(frozen=True)
class Part(Generic[Item]):
    """A page of a table: ``items``, and where they are among ``total``. Pages count from 1."""

    items: Sequence[Item]
    page: int
    total: int
    rows: int = ROWS

    @property
    def first(self) -> int:
        """The number of the first item; 0 if there is none."""
        return (self.page - 1) * self.rows + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item."""
        return (self.page - 1) * self.rows + len(self.items)

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.rows))


def part(items: Sequence[Item], page: int, rows: int = ROWS) -> Part[Item]:
    """Page number ``page`` of ``items``."""
    return Part(items[(page - 1) * rows : page * rows], page, len(items), rows)
