"""The measurements besides throughput. Each has a module that measures it and makes its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import growth, overlap, resources
from .processes import Interpreter, ProcessFailed
from .tables import Table

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A part: ``run`` takes an interpreter, sizes and a function for progress; ``show`` makes tables of the result."""

    run: Callable[[Interpreter, Any, Progress], dict[str, Any]]
    show: Callable[[Mapping[str, Any]], Iterable[Table]]
    full: Any
    quick: Any

    def measure(self, interpreter: Interpreter, quick: bool, progress: Progress) -> dict[str, Any]:
        """The result with one interpreter, or the error."""
        sizes = self.quick if quick else self.full
        try:
            return self.run(interpreter, sizes, progress)
        except ProcessFailed as error:
            return {"error": str(error)}

    def tables(self, found: Mapping[str, Any], python: str) -> Iterator[Table]:
        """The result with one interpreter, as tables that name it."""
        if "error" in found:
            yield Table(f"Python {python}", ["could not be measured"], [[found["error"]]])
            return
        for table in self.show(found):
            yield replace(table, title=f"Python {python}: {table.title}")


PARTS = {
    "overlap": Part(overlap.measure_overlap, overlap.tables, overlap.Sizes(), overlap.QUICK),
    "resources": Part(resources.measure_resources, resources.tables, resources.Sizes(), resources.QUICK),
    "growth": Part(growth.measure_growth, growth.tables, growth.Sizes(), growth.QUICK),
}
