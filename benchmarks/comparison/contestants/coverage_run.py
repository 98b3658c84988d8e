"""``coverage run``: coverage.py around the whole process, with each of its cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Contestant, Lines

if TYPE_CHECKING:
    from coverage import Coverage
    from flask import Flask


class CoverageRun(Contestant):
    rival = False

    def __init__(self, core: str) -> None:
        self.name = f"coverage-{core}"
        self.title = f"coverage run, {core}"
        self.core = core

    def launcher(self, source: str) -> list[str]:
        return ["-m", "coverage", "run", f"--source={source}"]

    def environ(self, source: str) -> dict[str, str]:
        return {"COVERAGE_CORE": self.core}

    def lines(self, app: Flask) -> Lines:
        return lines_now()


class CoverageRunCtrace(CoverageRun):
    note = "Totals of the process, when it has ended; each run of a line costs something."

    def __init__(self) -> None:
        super().__init__("ctrace")


class CoverageRunSysmon(CoverageRun):
    note = "Totals of the process, when it has ended; records a line only the first time it runs."
    versions = ((3, 12), (3, 15))

    def __init__(self) -> None:
        super().__init__("sysmon")


def lines_now() -> Lines:
    """The lines that the ``Coverage`` of this process has recorded until now."""
    import coverage

    running = coverage.Coverage.current()
    assert running is not None
    return lines_of(running)


def lines_of(measured: Coverage) -> Lines:
    """The lines that a ``Coverage`` has recorded, by file."""
    data = measured.get_data()
    return {name: set(data.lines(name) or ()) for name in data.measured_files()}
