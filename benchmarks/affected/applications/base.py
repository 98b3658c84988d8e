"""An application of the experiment, and what its repository holds besides its code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

IGNORED = "__pycache__/\n.livecov/\n.pytest_cache/\ninstance/\nhtmlcov/\n*.sqlite\n"


@dataclass(frozen=True)
class Application:
    """An application: ``write`` puts it into a folder, with its suite.

    ``factory`` is how ``flask --app`` finds it, ``boot`` replaces its ``create_app()`` in the process of a mutant.
    ``options`` are those of ``livecov run``, ``variables`` those of the environment of all its processes. ``sources``
    are its folders.
    """

    name: str
    title: str
    factory: str
    sources: Sequence[str]
    write: Callable[[Path], None]
    boot: Callable[[], Any] | None = None
    options: Sequence[str] = ()
    variables: Callable[[Path], dict[str, str]] = lambda folder: {}
    warm_modules: Sequence[str] = ()

    def start(self) -> Any:
        """Start it in this process."""
        return self.boot() if self.boot else import_module(self.factory).create_app()


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write texts into a folder, by their paths in it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
