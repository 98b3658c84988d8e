"""Reads pages of HTML: tables and the text of elements, by their ids. Waits for a page with everything recorded."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

from .polling import wait_until

_VOID = {"br", "col", "hr", "img", "input", "link", "meta", "wbr"}


def up_to_date(fetched: Callable[[], str]) -> str:
    """Fetch a page of the dashboard until it includes everything recorded; return it."""
    pages = []

    def includes_everything() -> bool:
        pages[:] = [fetched()]
        return "data-behind>" not in pages[0]

    wait_until(includes_everything, "the page includes everything recorded", lambda: pages[0])
    return pages[0]


class Page(HTMLParser):
    """A page. Elements without an id count as part of the nearest one around them that has one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[tuple[str, str]] = []
        self._rows: list[list[str]] | None = None
        self._texts: dict[str, list[str]] = {}
        self._tables: dict[str, list[list[str]]] = {}
        self.feed(text)

    def table(self, id_: str) -> list[list[str]]:
        """The rows, heads included, of the table with this id, or within the element with this id."""
        return self._tables[id_]

    def text(self, id_: str) -> str:
        """The text of an element, with single blanks."""
        return " ".join("".join(self._texts[id_]).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        id_ = dict(attrs).get("id") or (self._open[-1][1] if self._open else "")
        if tag not in _VOID:
            self._open.append((tag, id_))
        if tag == "table":
            self._rows = self._tables[id_] = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag
        if tag == "table":
            self._rows = None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        for id_ in {id_ for _, id_ in self._open}:
            self._texts.setdefault(id_, []).append(data)
        if self._rows and self._rows[-1] and any(tag in ("td", "th") for tag, _ in self._open):
            self._rows[-1][-1] += data.strip()
