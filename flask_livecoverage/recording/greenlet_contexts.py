"""Propagates the current capture into greenlets: those that a request starts belong to the request.

Contexts (:mod:`contextvars`) are not inherited by greenlets: each begins with an empty one. The greenlet that first
switches to another has started it. greenlet's trace function observes that, whatever created the greenlet; the classes
are in C and cannot be wrapped. A hub, the greenlet of an event loop, starts greenlets on behalf of others: callbacks
that are passed to it keep the capture handle of the context that passed them. The hub itself belongs to no request,
whichever started it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from contextvars import Context
from functools import partial, wraps
from typing import Any

from ..engines.base import Handle, current_handle
from ..engines.greenlet_switches import SwitchHook, loaded_greenlet
from ..model.imports import loaded_module

Function = Callable[..., Any]

_active = False


def install() -> None:
    """Propagate captures into new greenlets, in each thread in which :func:`trace_current_thread` is called."""
    global _active
    _active = True


def uninstall() -> None:
    """Remove the trace function of this thread; those of other threads remove themselves."""
    global _active
    _active = False
    greenlet = loaded_module("greenlet")
    if greenlet is not None and isinstance(tracer := greenlet.gettrace(), _Tracer):
        tracer.remove()


def trace_current_thread() -> None:
    """Observe which greenlets are started in this thread, if the process uses greenlet."""
    if _active and (greenlet := loaded_greenlet()) is not None and type(greenlet.gettrace()) is not _Tracer:
        _Tracer().install()


class _Tracer(SwitchHook):
    """Copies the capture handle from the context of a greenlet into that of a new greenlet to which it switches."""

    def __init__(self) -> None:
        self._is_replaced = False

    @property
    def has_ended(self) -> bool:  # type: ignore[override]
        """True if nothing is recorded any more, or another tracer has replaced it."""
        return self._is_replaced or not _active

    def install(self) -> None:
        """Install it as the first function. After another one, it cannot see whether the greenlet has run before."""
        function = loaded_greenlet().gettrace()
        while isinstance(function, SwitchHook):
            if isinstance(function, _Tracer):
                function._is_replaced = True
            function = function.previous
        super().install()

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        # Called in the greenlet that is switched to. Only one in which nothing has run yet has no calling frame.
        if sys._getframe().f_back is None:
            _inherit(*greenlets)
        if not _active:
            self.remove()
        if self.previous is not None:
            self.previous(event, greenlets)


def _inherit(starter: Any, started: Any) -> None:
    context = starter.gr_context
    handle = None if context is None else context.get(current_handle)
    # A greenlet without a parent is not new, but the main greenlet of a thread.
    if handle is not None and current_handle.get() is None and started.parent is not None:
        current_handle.set(handle)


def run_detached(run: Function) -> Function:
    """Wrap the ``run`` of a hub, which serves all requests and belongs to none."""

    @wraps(run)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        current_handle.set(None)
        return run(*args, **kwargs)

    return wrapper


def schedule_in_context(schedule: Function) -> Function:
    """Wrap a method of eventlet's hubs that takes a delay and a callback."""

    @wraps(schedule)
    def wrapper(self: Any, seconds: Any, callback: Function, *args: Any, **kwargs: Any) -> Any:
        return schedule(self, seconds, _bound(callback), *args, **kwargs)

    return wrapper


def spawn_in_context(spawn: Function) -> Function:
    """Wrap gevent's ``spawn_raw``, whose greenlets the hub starts."""

    @wraps(spawn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        greenlet = spawn(*args, **kwargs)
        handle = current_handle.get()
        if handle is not None:
            context = Context()
            context.run(current_handle.set, handle)
            greenlet.gr_context = context
        return greenlet

    return wrapper


class HubLoop:
    """The attribute ``loop`` of gevent's hubs: callbacks that a request passes to it belong to the request.

    :param attribute: the descriptor that this one replaces.
    """

    def __init__(self, attribute: Any) -> None:
        self._attribute = attribute

    def __get__(self, hub: Any, owner: type | None = None) -> Any:
        if hub is None:
            return self
        loop = self._attribute.__get__(hub, owner)
        return loop if current_handle.get() is None else _Loop(loop)

    def __set__(self, hub: Any, loop: Any) -> None:
        self._attribute.__set__(hub, loop._inner if isinstance(loop, _Loop) else loop)


class _Loop:
    """Wraps an event loop of gevent, whose class is in C. gevent's C extensions use the loop itself."""

    __slots__ = ("_inner",)

    def __init__(self, loop: Any) -> None:
        object.__setattr__(self, "_inner", loop)

    def run_callback(self, callback: Function, *args: Any) -> Any:
        return self._inner.run_callback(_bound(callback), *args)

    def run_callback_threadsafe(self, callback: Function, *args: Any) -> Any:
        return self._inner.run_callback_threadsafe(_bound(callback), *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def __eq__(self, other: object) -> bool:
        return bool(self._inner == (other._inner if isinstance(other, _Loop) else other))

    def __hash__(self) -> int:
        return hash(self._inner)


def link_in_context(greenlet: Any) -> None:
    """Bind the callbacks that are linked to ``greenlet``, of gevent, to the capture that links them."""
    # Weak, because with a reference to itself, the greenlet would live until the next garbage collection.
    greenlet.rawlink = partial(_rawlink, weakref.ref(greenlet))


def _rawlink(reference: Callable[[], Any], callback: Function) -> None:
    greenlet = reference()
    type(greenlet).rawlink(greenlet, _bound(callback))


def _bound(callback: Function) -> Function:
    handle = current_handle.get()
    return callback if handle is None else _BoundCallback(handle, callback)


class _BoundCallback:
    """A callback that an event loop runs in the capture that passed it. Equal to the callback itself."""

    __slots__ = ("_callback", "_handle")

    def __init__(self, handle: Handle, callback: Function) -> None:
        self._handle = handle
        self._callback = callback

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = current_handle.set(self._handle)
        try:
            return self._callback(*args, **kwargs)
        finally:
            current_handle.reset(token)

    def __eq__(self, other: object) -> bool:
        return bool(self._callback == (other._callback if isinstance(other, _BoundCallback) else other))

    def __hash__(self) -> int:
        return hash(self._callback)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._callback, name)
