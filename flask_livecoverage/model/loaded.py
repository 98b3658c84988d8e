"""Modules that others have imported, or will import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# Called with the name, which need not be the module's own, and the module.
AfterImport = Callable[[str, ModuleType], None]


def imported(name: str) -> Any:
    """The module of that name, if anybody has imported it, wholly; else None.

    One that another thread is importing is in ``sys.modules`` already, and lacks what comes later in it.
    """
    module = sys.modules.get(name)
    # As the import statement itself decides whether it has to wait.
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module


class _ImportWatch:
    """Stands first on ``sys.meta_path`` while somebody waits for the import of a module."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[AfterImport]] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in self.waiting else None
        if spec is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_report(module: ModuleType) -> None:
                del loader.exec_module
                execute(module)
                for function in list(self.waiting.get(name, ())):
                    function(name, module)

            loader.exec_module = execute_and_report
        return spec


_watch = _ImportWatch()


def watch_import(name: str, function: AfterImport) -> None:
    """Call ``function`` with the name and the module right after its import, if nobody has imported it yet."""
    _watch.waiting.setdefault(name, []).append(function)
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)


def unwatch_import(name: str, function: AfterImport) -> None:
    """End what :func:`watch_import` has begun."""
    functions = _watch.waiting.get(name, [])
    if function in functions:
        functions.remove(function)
    if not functions:
        _watch.waiting.pop(name, None)
    if not _watch.waiting and _watch in sys.meta_path:
        sys.meta_path.remove(_watch)
