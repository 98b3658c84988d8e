"""Finds line numbers in a source by the text of the lines."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType


def line_of(module: ModuleType | Path, text: str) -> int:
    """Return the number of the only line that contains ``text``."""
    path = Path(str(module.__file__)) if isinstance(module, ModuleType) else module
    found = [number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line]
    assert len(found) == 1, f"{text!r} is in lines {found}"
    return found[0]


def lines_of(module: ModuleType | Path, *texts: str) -> list[int]:
    """Return the numbers of the lines that contain these texts, sorted."""
    return sorted(line_of(module, text) for text in texts)
