"""Hooks for the switches between the greenlets of a thread: greenlet's trace functions (``greenlet.settrace``).

A thread has one such function. Code that sets another must call the previous one, so they form a chain, of which only
the first can be removed: one that follows a function that was set later, also by other packages, stays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def loaded_greenlet() -> Any:
    """Return the module ``greenlet`` if this process has imported it completely; else None."""
    # Each request calls this, so it does not use `loaded_module`. A module that still lacks this function is being
    # imported, and has no greenlets yet.
    module = sys.modules.get("greenlet")
    return module if hasattr(module, "settrace") else None


def is_in_greenlet() -> bool:
    """True if the current frame runs in another greenlet than its thread's main one."""
    module = loaded_greenlet()
    return module is not None and module.getcurrent().parent is not None


class SwitchHook:
    """A function that greenlet calls at each switch in a thread. It is put before the one that is already installed.

    :ivar previous: the function that was installed before, which this one has to call.
    :ivar has_ended: true if this one does nothing any more.
    """

    previous: Callable[..., object] | None = None
    has_ended: bool
    _greenlet: Any

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        """Handle a switch. Called in the greenlet that continues, with the origin and the target of the switch."""
        raise NotImplementedError

    def install(self) -> None:
        """Install this as the current thread's first hook, and drop ended hooks after it that could not be removed."""
        self._greenlet = loaded_greenlet()
        self.previous = self._greenlet.settrace(self)
        function: Any = self
        while isinstance(function, SwitchHook):
            function.previous = _first_in_use(function.previous)
            function = function.previous

    def remove(self) -> None:
        """Uninstall this hook. If another function is in front, it continues to call this one."""
        if self._greenlet.gettrace() is self:
            self._greenlet.settrace(_first_in_use(self.previous))


def _first_in_use(function: Callable[..., object] | None) -> Callable[..., object] | None:
    while isinstance(function, SwitchHook) and function.has_ended:
        function = function.previous
    return function
