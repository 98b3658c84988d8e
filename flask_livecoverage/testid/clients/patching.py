"""Replaces methods of libraries, as soon as these are imported, and puts them back."""

from __future__ import annotations

import functools
import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Protocol


class Library(Protocol):
    """A library whose clients carry the identity."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Those whose import makes :meth:`hook` possible; it is called for each."""

    def hook(self, module: Any, patches: Patches) -> None:
        """Replace methods. Raises AttributeError or KeyError if one is not there."""

    def tell_clients(self) -> None:
        """The current test is another one: tell the clients that keep it."""


class Patches:
    """Methods that were replaced."""

    def __init__(self) -> None:
        self._done: list[tuple[type, str, Any, Any]] = []

    def wrap(self, owner: type, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
        """Replace the method ``name`` of ``owner`` by what ``make`` makes of it. Raises KeyError if there is none."""
        original = vars(owner)[name]
        replacement = functools.wraps(original)(make(original))
        setattr(owner, name, replacement)
        self._done.append((owner, name, original, replacement))

    def undo(self) -> None:
        """Put all back, except what somebody else has replaced in the meantime."""
        self.undo_after(0)

    def undo_after(self, count: int) -> None:
        """Put back all but the first ``count``."""
        while len(self._done) > count:
            owner, name, original, replacement = self._done.pop()
            if vars(owner).get(name) is replacement:
                setattr(owner, name, original)

    def __len__(self) -> int:
        return len(self._done)


class ImportHook:
    """Hooks libraries when they are imported: those that are already, at once. A finder of ``sys.meta_path``."""

    def __init__(self, patches: Patches, libraries: Sequence[Library]) -> None:
        self._patches = patches
        self._libraries = {module: library for library in libraries for module in library.modules}

    def install(self) -> None:
        """Begin."""
        sys.meta_path.insert(0, self)
        for name in self._libraries:
            if name in sys.modules:
                self._hook(sys.modules[name])

    def uninstall(self) -> None:
        """Hook nothing more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What the import system asks: here, the other finders' answer, with a loader that tells."""
        if name not in self._libraries or self not in sys.meta_path:
            return None
        # Those before this one were asked already, and one of them may be a second one of this class.
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self._imported)  # type: ignore[assignment]
                return spec
        return None

    def _imported(self, module: ModuleType) -> None:
        if self in sys.meta_path:
            self._hook(module)

    def _hook(self, module: ModuleType) -> None:
        done = len(self._patches)
        try:
            self._libraries[module.__name__].hook(module, self._patches)
        except (AttributeError, KeyError):
            # Other versions of a library may have other methods. A test that needs none of this must go on.
            self._patches.undo_after(done)
            warnings.warn(
                f"Flask-LiveCoverage does not know this version of {module.__name__.partition('.')[0]}: "
                "its requests carry no test's name",
                RuntimeWarning,
                stacklevel=2,
            )


class _Loader:
    """A module's loader, which tells when the module is there, and is never seen on the module."""

    def __init__(self, loader: Any, imported: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._imported = imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._imported(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def existing(kind: type) -> list[Any]:
    """The instances of a class, subclasses included. Takes some time: it looks at all objects that there are."""
    # type() and not isinstance(), which asks objects that pretend to be others.
    return [found for found in gc.get_objects() if issubclass(type(found), kind)]
