"""What is measured besides throughput: each part has a module that measures it and shows what it found."""

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
    """A part: ``run`` takes an interpreter, sizes and whom to tell, and ``show`` makes tables of what it finds."""

    run: Callable[[Interpreter, Any, Progress], dict[str, Any]]
    show: Callable[[Mapping[str, Any]], Iterable[Table]]
    full: Any
    quick: Any

    def measure(self, interpreter: Interpreter, quick: bool, progress: Progress) -> dict[str, Any]:
        """What was found with one interpreter, or why nothing was."""
        sizes = self.quick if quick else self.full
        try:
            return self.run(interpreter, sizes, progress)
        except ProcessFailed as error:
            return {"error": str(error)}

    def tables(self, found: Mapping[str, Any], python: str) -> Iterator[Table]:
        """What was found with one interpreter, as tables that say which."""
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
