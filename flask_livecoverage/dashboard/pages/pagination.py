"""Sorting and pagination of tables, by parameters of the address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

ROWS = 100


@dataclass(frozen=True)
class Sorting:
    """The column by which a table is sorted. In addresses, ``-`` before it means descending."""

    column: str
    descending: bool

    def then(self, column: str, *, descending: bool) -> str:
        """Return the value for the link in the header of ``column``: its first click sorts in the given direction."""
        if column == self.column:
            descending = not self.descending
        return f"-{column}" if descending else column

    def aria(self, column: str) -> str:
        """Return the value of ``aria-sort`` for ``column``; empty if the table is sorted by another one."""
        return "" if column != self.column else "descending" if self.descending else "ascending"


def sorting(columns: Collection[str]) -> Callable[[str], Sorting]:
    """Return a check that a parameter names one of ``columns``."""

    def check(value: str) -> Sorting:
        column = value.removeprefix("-")
        if column not in columns:
            raise ValueError(f"use {', '.join(columns)}")
        return Sorting(column, value.startswith("-"))

    return check


def sort(items: Iterable[Item], by: Sorting, key: Callable[[Item], Any]) -> list[Item]:
    """Return ``items`` sorted by ``key`` in the direction of ``by``; equal ones keep their order."""
    return sorted(items, key=key, reverse=by.descending)


@dataclass(frozen=True)
class TablePage(Generic[Item]):
    """One page of a table: its ``items``, of ``total`` in all. Pages count from 1."""

    items: Sequence[Item]
    page: int
    total: int
    rows: int = ROWS

    @property
    def first(self) -> int:
        """The number of the first item; 0 if the page is empty."""
        return (self.page - 1) * self.rows + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item."""
        return (self.page - 1) * self.rows + len(self.items)

    @property
    def pages(self) -> int:
        """The number of pages, at least 1."""
        return max(1, -(-self.total // self.rows))


def paginate(items: Sequence[Item], page: int, rows: int = ROWS) -> TablePage[Item]:
    """Return page number ``page`` of ``items``."""
    return TablePage(items[(page - 1) * rows : page * rows], page, len(items), rows)
