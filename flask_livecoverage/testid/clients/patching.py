"""Hooks the clients of libraries when the libraries are imported."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

from ...model.imports import cancel, when_imported
from ...model.patches import Patches


class Library(Protocol):
    """A library whose clients send the test's name."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of the modules that :meth:`hook` patches; it is called for each after its import."""

    def hook(self, module: Any, patches: Patches) -> None:
        """Replace methods of ``module``. Raises AttributeError or KeyError if one is missing."""

    def update_clients(self) -> None:
        """Update the clients that hold the test's name, after the current test has changed."""


class ImportHook:
    """Hooks libraries when they are imported; those that are imported already, at once."""

    def __init__(self, patches: Patches, libraries: Sequence[Library]) -> None:
        self._patches = patches
        self._libraries = {module: library for library in libraries for module in library.modules}

    def install(self) -> None:
        """Start hooking."""
        for name in self._libraries:
            when_imported(name, self._hook)

    def uninstall(self) -> None:
        """Stop hooking; :class:`Patches` undoes what was hooked."""
        for name in self._libraries:
            cancel(name, self._hook)

    def _hook(self, name: str, module: ModuleType) -> None:
        done = len(self._patches)
        try:
            self._libraries[name].hook(module, self._patches)
        except (AttributeError, KeyError):
            # Other versions of a library may have other methods. A test that does not need the name must not fail.
            self._patches.undo(after=done)
            warnings.warn(
                f"Flask-LiveCoverage does not support this version of {name.partition('.')[0]}: "
                "its requests are sent without a test's name",
                RuntimeWarning,
                stacklevel=2,
            )


def find_instances(kind: type) -> list[Any]:
    """The existing instances of a class and its subclasses. Slow: it looks at every object of the process."""
    # type(), because isinstance() calls into objects that pretend to have another class.
    return [found for found in gc.get_objects() if issubclass(type(found), kind)]
