"""Line numbers of a source, found by the text of the lines."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType


def line_of(module: ModuleType | Path, text: str) -> int:
    """The number of the one line that holds ``text``."""
    path = Path(str(module.__file__)) if isinstance(module, ModuleType) else module
    found = [number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line]
    assert len(found) == 1, f"{text!r} is in lines {found}"
    return found[0]


def lines_of(module: ModuleType | Path, *texts: str) -> list[int]:
    """The numbers of the lines that hold these texts, sorted."""
    return sorted(line_of(module, text) for text in texts)
