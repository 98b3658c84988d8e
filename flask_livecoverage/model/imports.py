"""Access to modules that others import: those that are loaded, and a callback when one is imported.

Importing such a module here could be too early (before gevent patches it), or in vain.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Called with the imported name, which may differ from the module's ``__name__``, and the module.
AfterImport = Callable[[str, ModuleType], None]


def loaded_module(name: str) -> Any:
    """Return the module of that name if it is completely imported, else None.

    A module that another thread is importing is in ``sys.modules`` already, but lacks what comes later in it.
    """
    module = sys.modules.get(name)
    # The check with which the import statement itself decides whether it has to wait.
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module


def when_imported(name: str, function: AfterImport) -> None:
    """Call ``function`` with the name and the module: now if it is imported, and right after each later import."""
    after_import(name, function)
    if name in sys.modules:
        # Another thread may still be importing it. Wait for that.
        function(name, import_module(name))


def after_import(name: str, function: AfterImport) -> None:
    """Call ``function`` with the name and the module right after each later import of it."""
    _watch.waiting.setdefault(name, []).append(function)
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)


def cancel(name: str, function: AfterImport) -> None:
    """Undo :func:`when_imported` or :func:`after_import`. Idempotent."""
    functions = _watch.waiting.get(name, [])
    if function in functions:
        functions.remove(function)
    if not functions:
        _watch.waiting.pop(name, None)
    if not _watch.waiting and _watch in sys.meta_path:
        sys.meta_path.remove(_watch)


class _ImportWatch:
    """A finder that is first on ``sys.meta_path`` while a callback waits for the import of a module."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[AfterImport]] = {}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the other finders' answer, with a loader that reports the import."""
        if name not in self.waiting or self not in sys.meta_path:
            return None
        # Finders before this one have been asked already.
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, name, self._report)  # type: ignore[assignment]
                return spec
        return None

    def _report(self, name: str, module: ModuleType) -> None:
        for function in list(self.waiting.get(name, ())):
            function(name, module)


class _Loader:
    """Wraps a module's loader to report that the module is loaded; the module itself keeps the original loader."""

    def __init__(self, loader: Any, name: str, report: AfterImport) -> None:
        self._loader = loader
        self._name = name
        self._report = report

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._report(self._name, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_watch = _ImportWatch()
