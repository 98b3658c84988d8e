"""API operations that schemathesis calls within one test: each is a part of the test."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..model.patches import Patches
from ..testid.clients.patching import ImportHook


class Operations:
    """Calls ``begin`` with the name of an operation, such as ``GET /users``, before each request to it."""

    modules = ("schemathesis",)

    def __init__(self, begin: Callable[[str], None]) -> None:
        self._begin = begin
        self._patches = Patches()
        self._import_hook = ImportHook(self._patches, [self])

    def install(self) -> None:
        """Hook schemathesis now if it is imported, or else when it is."""
        self._import_hook.install()

    def uninstall(self) -> None:
        """Restore schemathesis."""
        self._import_hook.uninstall()
        self._patches.undo()

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        patches.wrap(module.Case, "call", self._calling)

    def update_clients(self) -> None:
        """Do nothing, because each request reads the current test."""

    def _calling(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(case: Any, *args: Any, **kwargs: Any) -> Any:
            # Versions before 4 have another attribute. Their tests run without parts.
            label = getattr(case.operation, "label", None)
            if label:
                self._begin(label)
            return original(case, *args, **kwargs)

        return call
