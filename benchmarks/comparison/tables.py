"""Tables, as Markdown and as reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate


@dataclass(frozen=True)
class Table:
    """A table: ``text_columns`` columns of text, then figures. ``notes`` stand below it."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    text_columns: int = 1

    def markdown(self) -> str:
        """For ``results.md``."""
        table = self._format(self.rows, "github")
        return f"**{self.title}**\n\n{table}\n" + "".join(f"\n{note}\n" for note in self.notes)

    def rst(self) -> str:
        """For the documentation."""
        rows = [[_escaped(cell) for cell in row] for row in self.rows]
        table = self._format(rows, "rst")
        return f".. rubric:: {self.title}\n\n{table}\n" + "".join(f"\n{note}\n" for note in self.notes)

    def _format(self, rows: Sequence[Sequence[str]], kind: str) -> str:
        alignment = ["left" if number < self.text_columns else "right" for number in range(len(self.headers))]
        return tabulate(rows, self.headers, tablefmt=kind, colalign=alignment, disable_numparse=True)


def _escaped(cell: str) -> str:
    """Escape the beginning of a cell that would be a list in reStructuredText."""
    return f"\\{cell}" if cell.startswith(("(", "+", "-", "*")) else cell
