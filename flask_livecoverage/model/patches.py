"""Temporary replacements of attributes of other packages' classes and modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Patches:
    """A registry of replaced attributes. Undoing skips an attribute that somebody else has replaced meanwhile."""

    def __init__(self) -> None:
        # The owner, the attribute's name, whether the owner defines it itself, the original and the replacement.
        self._done: list[tuple[Any, str, bool, Any, Any]] = []

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or a module, its own or inherited, by ``make(attribute)``.

        An attribute that this registry has already replaced stays, because a module may have imported it from another
        one. Raises AttributeError if there is no such attribute.
        """
        original = getattr(owner, name)
        if any(original is replacement for *_, replacement in self._done):
            return
        replacement = make(original)
        self._done.append((owner, name, name in vars(owner), original, replacement))
        setattr(owner, name, replacement)

    def undo(self, after: int = 0) -> None:
        """Restore the originals of all replacements but the first ``after``."""
        while len(self._done) > after:
            owner, name, is_own, original, replacement = self._done.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if is_own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)

    def __len__(self) -> int:
        return len(self._done)
