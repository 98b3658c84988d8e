"""Tables, as Markdown and as reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate


@dataclass(frozen=True)
class Table:
    """A table: so many columns of text, and then figures. ``notes`` stand below it."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    text_columns: int = 1

    def markdown(self) -> str:
        """For ``results.md``."""
        return f"**{self.title}**\n\n{self._format('github')}\n" + "".join(f"\n{note}\n" for note in self.notes)

    def rst(self) -> str:
        """For the documentation."""
        return f".. rubric:: {self.title}\n\n{self._format('rst')}\n" + "".join(f"\n{note}\n" for note in self.notes)

    def _format(self, kind: str) -> str:
        alignment = ["left" if number < self.text_columns else "right" for number in range(len(self.headers))]
        return tabulate(self.rows, self.headers, tablefmt=kind, colalign=alignment, disable_numparse=True)
