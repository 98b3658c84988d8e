"""Which greenlet of a thread goes on, as greenlet itself reports it (``greenlet.settrace``), and its tracer with it."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..model.imports import loaded_module
from .switches import TraceFunction, loaded_greenlet
from .tracers import CHANGED, SHARED, Loan, OwnPlace, Place
from .weak_keys import WeakKeys


class GreenThread(TraceFunction):
    """The greenlets of the current thread. At each switch between them, the tracer of the one that goes on is set.

    :param current_place: finds the place of the thread's trace function.
    :param make_place: makes one for a greenlet that has none.
    :param enter_frames: has its tracer see the frames that are under way.
    :param waiting: the frames of greenlets that began before there was anybody to see it.
    """

    def __init__(
        self,
        current_place: Callable[[], Place | None],
        make_place: Callable[[], OwnPlace],
        enter_frames: Callable[[OwnPlace, FrameType | None], None],
        waiting: WeakKeys[FrameType],
    ) -> None:
        self._current_place = current_place
        self._make_place = make_place
        self._enter_frames = enter_frames
        self._waiting = waiting
        self._places: WeakKeys[Place] = WeakKeys()
        self.has_ended = False
        self.install()
        self._getcurrent = self._greenlet.getcurrent

    def current(self) -> Place | None:
        """The place of the current greenlet."""
        return self._places.get(self._getcurrent())

    def add(self, place: Place) -> None:
        """``place`` is the current greenlet's."""
        current = self._getcurrent()
        before = self._places.get(current)
        if isinstance(before, OwnPlace) and before is not place:
            # gevent's threads set a trace function in a greenlet that has one already.
            before.tracer.stop()
        self._places[current] = place

    def end(self) -> None:
        """Follow no longer. In other threads than this one, a call that does nothing is left."""
        self.has_ended = True
        for place in self._places.values():
            if isinstance(place, OwnPlace):
                place.stop()
        self.remove()

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        """Called by greenlet in the one that goes on, with the one that was left and this one. Nothing is traced."""
        if self.previous is not None:
            self.previous(event, greenlets)
        if self.has_ended or event not in ("switch", "throw"):
            return
        left = self._current_place()
        if isinstance(left, Loan):
            self._switch_loan(left, *greenlets)
        elif isinstance(left, OwnPlace):
            left.tracer.stop()
            self._go_on(left, *greenlets)
        else:
            self._switch_untraced(*greenlets)

    def _switch_loan(self, loan: Loan, origin: Any, target: Any) -> None:
        if not loan.tells_greenlets_apart:
            if loan.capture is not None:
                loan.disturb(SHARED)
        else:
            loan.switch(origin, target, inherits=_belongs_to(target, origin))
            _follow(loan, target)

    def _go_on(self, left: Place | None, origin: Any, target: Any) -> None:
        place = self._places.get(target)
        if place is None or (place.fault is not None and place.capture is None):
            self._begin(left, origin, target)
        elif place.fault is None:
            place.tracer.start()
        else:
            sys.settrace(None)

    def _begin(self, left: Place | None, origin: Any, target: Any) -> None:
        place = self._make_place()
        self._places[target] = place
        place.follows_greenlets = True
        place.tracer.start()
        frame = self._waiting.pop(target)
        if frame is not None:
            self._enter_frames(place, frame)
            if sys.version_info >= (3, 12):
                # Python has prepared for events what was running when tracing began; this was not.
                sys.monitoring.restart_events()
        elif left is not None and left.capture is not None and _belongs_to(target, origin):
            place.write_to(left.sink())
            place.capture = left.capture
            _follow(place, target)

    def _switch_untraced(self, origin: Any, target: Any) -> None:
        """The trace function was changed before the switch."""
        before = self._places.get(origin)
        if before is not None:
            before.disturb(CHANGED)
        if sys.gettrace() is None:
            self._go_on(None, origin, target)
        elif (place := self._places.get(target)) is not None:
            # A debugger, which follows all greenlets.
            place.disturb(CHANGED)


class GreenThreads:
    """The threads that have greenlets, found from any of these."""

    def __init__(self) -> None:
        self._threads: WeakKeys[GreenThread] = WeakKeys()

    def get(self) -> GreenThread | None:
        """The current one."""
        return self._threads.get(_root())

    def set(self, thread: GreenThread) -> None:
        """``thread`` is the current one."""
        self._threads[_root()] = thread

    def values(self) -> list[GreenThread]:
        """Those that have not ended."""
        return self._threads.values()


def _root() -> Any:
    greenlet = loaded_greenlet().getcurrent()
    while greenlet.parent is not None:
        greenlet = greenlet.parent
    return greenlet


def _follow(place: Place, target: Any) -> None:
    """``target`` writes into the capture of ``place`` as long as it lives."""
    if place.capture is not None:
        followers = place.capture.restore.followers
        if not any(reference() is target for reference in followers):
            followers.append(weakref.ref(target))


def _belongs_to(target: Any, origin: Any) -> bool:
    """Whether ``target``, which begins, works for ``origin``, which switched to it: it ends there, and serves no other.

    The hubs of gevent and eventlet are begun by whoever waits first, and serve all.
    """
    return target.parent is origin and not _is_hub(target)


def _is_hub(greenlet: Any) -> bool:
    gevent = loaded_module("gevent.hub")
    if gevent is not None and isinstance(greenlet, gevent.Hub):
        return True
    eventlet = loaded_module("eventlet.hubs")
    hub = getattr(getattr(eventlet, "_threadlocal", None), "hub", None)
    return hub is not None and getattr(hub, "greenlet", None) is greenlet


def native_thread_id() -> Callable[[], int]:
    """The function that identifies threads, not greenlets: gevent and eventlet replace it."""
    gevent = loaded_module("gevent.monkey")
    if gevent is not None:
        function: Callable[[], int] = gevent.get_original("_thread", "get_ident")
        return function
    eventlet = loaded_module("eventlet.patcher")
    return threading.get_ident if eventlet is None else eventlet.original("threading").get_ident
