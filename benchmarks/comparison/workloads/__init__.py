"""The applications that are measured.

Each is a module with ``app``, a Flask application, and ``PATHS``, the requests of one round of its mix; all of them are
answered with 200. This module imports no application, because that must not happen before the measuring begins.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

LARGE_VARIABLE = "BENCHMARK_LARGE"


@dataclass(frozen=True)
class Workload:
    """An application: ``letter`` stands before its name, ``title`` describes it."""

    name: str
    letter: str
    title: str

    @property
    def label(self) -> str:
        """Its name in tables and charts."""
        return f"({self.letter}) {self.name}"

    def source(self) -> str:
        """The folder of its code, which a coverage tool is configured to measure."""
        if self.name == "mix":
            specification = importlib.util.find_spec("httpbin")
            assert specification is not None
            assert specification.origin is not None
            return str(Path(specification.origin).parent)
        if self.name == "large":
            return str(Path(os.environ[LARGE_VARIABLE], "large_application"))
        return str(Path(__file__).parent)

    def load(self) -> tuple[Flask, list[str]]:
        """Import the application; return it, and the paths of one round."""
        module = importlib.import_module(f"{__name__}.{self.name}")
        return module.app, list(module.PATHS)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("trivial", "a", "a view of one line"),
        Workload("shop", "b", "a page of 20 rows from SQLite, by Flask-SQLAlchemy, in a template"),
        Workload("loop", "c", "a hot loop: 250,000 line events"),
        Workload("mix", "d", "httpbin from PyPI: ten of its routes in turn"),
        Workload("large", "e", "2,000 functions in 100 modules, of which a request runs 20"),
    )
}
