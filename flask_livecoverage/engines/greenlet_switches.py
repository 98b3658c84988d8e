"""greenlet's trace functions (``greenlet.settrace``), which see each switch between the greenlets of a thread.

A thread has one. Whoever sets another calls the one that was there, so they are a chain, and only its first can be
taken away: what is set later, by others too, stays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def loaded_greenlet() -> Any:
    """The module ``greenlet`` if this process has it, wholly; else None."""
    # Asked by each request, so not by `loaded_module`: what is begun without this function has no greenlets yet.
    module = sys.modules.get("greenlet")
    return module if hasattr(module, "settrace") else None


def is_in_greenlet() -> bool:
    """Whether the current frame runs in another greenlet than its thread's first."""
    module = loaded_greenlet()
    return module is not None and module.getcurrent().parent is not None


class SwitchHook:
    """A function that greenlet calls at each switch in a thread, in front of the one that it finds there.

    :ivar previous: that one, which it has to call.
    :ivar has_ended: whether it does nothing more.
    """

    previous: Callable[..., object] | None = None
    has_ended: bool
    _greenlet: Any

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        """Called in the greenlet that goes on, with the one that was left and this one."""
        raise NotImplementedError

    def install(self) -> None:
        """Be the current thread's first. Those behind it that have ended, and could not be removed, are dropped."""
        self._greenlet = loaded_greenlet()
        self.previous = self._greenlet.settrace(self)
        function: Any = self
        while isinstance(function, SwitchHook):
            function.previous = _first_in_use(function.previous)
            function = function.previous

    def remove(self) -> None:
        """Be called no longer. If another one is in front, it goes on calling this one."""
        if self._greenlet.gettrace() is self:
            self._greenlet.settrace(_first_in_use(self.previous))


def _first_in_use(function: Callable[..., object] | None) -> Callable[..., object] | None:
    while isinstance(function, SwitchHook) and function.has_ended:
        function = function.previous
    return function
