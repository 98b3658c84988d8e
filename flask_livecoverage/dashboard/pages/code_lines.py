"""Single lines of a file's code, on pages that show only some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .files import page_of


@dataclass(frozen=True)
class CodeLine:
    """A line with its code; None if the content was not kept."""

    number: int
    code: Markup | None

    @property
    def page(self) -> int | None:
        """The page of the source that shows the line; None for the first one."""
        page = page_of(self.number)
        return page if page > 1 else None


def code_lines(numbers: Iterable[int], code: Sequence[Markup] | None) -> list[CodeLine]:
    """Return the lines with these numbers; ``code`` has all lines of the file, None if they are not known."""
    return [CodeLine(number, code[number - 1] if code and number <= len(code) else None) for number in numbers]
