"""Hooks into libraries' clients, as soon as the libraries are imported."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

from ...model.imports import cancel, when_imported
from ...model.patches import Patches


class Library(Protocol):
    """A library whose clients carry the identity."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Those whose import makes :meth:`hook` possible; it is called for each."""

    def hook(self, module: Any, patches: Patches) -> None:
        """Replace methods. Raises AttributeError or KeyError if one is not there."""

    def tell_clients(self) -> None:
        """The current test is another one: tell the clients that keep it."""


class ImportHook:
    """Hooks libraries when they are imported: those that are already, at once."""

    def __init__(self, patches: Patches, libraries: Sequence[Library]) -> None:
        self._patches = patches
        self._libraries = {module: library for library in libraries for module in library.modules}

    def install(self) -> None:
        """Begin."""
        for name in self._libraries:
            when_imported(name, self._hook)

    def uninstall(self) -> None:
        """Hook nothing more."""
        for name in self._libraries:
            cancel(name, self._hook)

    def _hook(self, name: str, module: ModuleType) -> None:
        done = len(self._patches)
        try:
            self._libraries[name].hook(module, self._patches)
        except (AttributeError, KeyError):
            # Other versions of a library may have other methods. A test that needs none of this must go on.
            self._patches.undo(after=done)
            warnings.warn(
                f"Flask-LiveCoverage does not know this version of {name.partition('.')[0]}: "
                "its requests carry no test's name",
                RuntimeWarning,
                stacklevel=2,
            )


def existing(kind: type) -> list[Any]:
    """The instances of a class, subclasses included. Takes some time: it looks at all objects that there are."""
    # type() and not isinstance(), which asks objects that pretend to be others.
    return [found for found in gc.get_objects() if issubclass(type(found), kind)]
