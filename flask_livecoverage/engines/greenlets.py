"""Switches tracers when a thread switches greenlets, as reported by greenlet itself (``greenlet.settrace``)."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..model.imports import loaded_module
from .greenlet_switches import SwitchHook, loaded_greenlet
from .traced_stacks import CHANGED, SHARED, BorrowedStack, OwnStack, TracedStack
from .weak_key_map import WeakKeyMap


class ThreadGreenlets(SwitchHook):
    """The greenlets of the current thread. At each switch between them, it sets the tracer of the one that continues.

    :param current_stack: finds the stack of the thread's trace function.
    :param make_stack: creates a stack for a greenlet that has none.
    :param enter_frames: registers the running frames with the tracer of a stack.
    :param suspended: the frames of greenlets that were suspended when the engine started.
    """

    def __init__(
        self,
        current_stack: Callable[[], TracedStack | None],
        make_stack: Callable[[], OwnStack],
        enter_frames: Callable[[OwnStack, FrameType | None], None],
        suspended: WeakKeyMap[FrameType],
    ) -> None:
        self._current_stack = current_stack
        self._make_stack = make_stack
        self._enter_frames = enter_frames
        self._suspended = suspended
        self._stacks: WeakKeyMap[TracedStack] = WeakKeyMap()
        self.has_ended = False
        self.install()
        self._getcurrent = self._greenlet.getcurrent

    def current(self) -> TracedStack | None:
        """Return the stack of the current greenlet."""
        return self._stacks.get(self._getcurrent())

    def add(self, stack: TracedStack) -> None:
        """Set ``stack`` as the stack of the current greenlet."""
        current = self._getcurrent()
        before = self._stacks.get(current)
        if isinstance(before, OwnStack) and before is not stack:
            # gevent's threads set a trace function in a greenlet that already has one.
            before.tracer.stop()
        self._stacks[current] = stack

    def end(self) -> None:
        """Stop following. In other threads than the current one, the hook stays but does nothing."""
        self.has_ended = True
        for stack in self._stacks.values():
            if isinstance(stack, OwnStack):
                stack.stop()
        self.remove()

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        """Handle a switch. Called in the greenlet that continues, with the origin and the target; not traced."""
        if self.previous is not None:
            self.previous(event, greenlets)
        if self.has_ended or event not in ("switch", "throw"):
            return
        left = self._current_stack()
        if isinstance(left, BorrowedStack):
            self._switch_borrowed(left, *greenlets)
        elif isinstance(left, OwnStack):
            left.tracer.stop()
            self._go_on(left, *greenlets)
        else:
            self._switch_untraced(*greenlets)

    def _switch_borrowed(self, stack: BorrowedStack, origin: Any, target: Any) -> None:
        if not stack.separates_greenlets:
            if stack.capture is not None:
                stack.mark_unreliable(SHARED)
        else:
            stack.switch(origin, target, inherits=_belongs_to(target, origin))
            _follow(stack, target)

    def _go_on(self, left: TracedStack | None, origin: Any, target: Any) -> None:
        stack = self._stacks.get(target)
        if stack is None or (stack.fault is not None and stack.capture is None):
            self._begin(left, origin, target)
        elif stack.fault is None:
            stack.tracer.start()
        else:
            sys.settrace(None)

    def _begin(self, left: TracedStack | None, origin: Any, target: Any) -> None:
        stack = self._make_stack()
        self._stacks[target] = stack
        stack.follows_greenlets = True
        stack.tracer.start()
        frame = self._suspended.pop(target)
        if frame is not None:
            self._enter_frames(stack, frame)
            if sys.version_info >= (3, 12):
                # Python has instrumented only the code that was running when tracing began; this was suspended.
                sys.monitoring.restart_events()
        elif left is not None and left.capture is not None and _belongs_to(target, origin):
            stack.write_to(left.sink())
            stack.capture = left.capture
            _follow(stack, target)

    def _switch_untraced(self, origin: Any, target: Any) -> None:
        """Handle a switch before which the trace function was changed."""
        before = self._stacks.get(origin)
        if before is not None:
            before.mark_unreliable(CHANGED)
        if sys.gettrace() is None:
            self._go_on(None, origin, target)
        elif (stack := self._stacks.get(target)) is not None:
            # This may be a debugger, which follows all greenlets.
            stack.mark_unreliable(CHANGED)


class GreenletRegistry:
    """The :class:`ThreadGreenlets` of all threads, found from any greenlet of a thread."""

    def __init__(self) -> None:
        self._threads: WeakKeyMap[ThreadGreenlets] = WeakKeyMap()

    def get(self) -> ThreadGreenlets | None:
        """Return the stack of the current thread."""
        return self._threads.get(_root())

    def set(self, thread: ThreadGreenlets) -> None:
        """Set the stack of the current thread."""
        self._threads[_root()] = thread

    def values(self) -> list[ThreadGreenlets]:
        """Return those of the threads that have not ended."""
        return self._threads.values()


def _root() -> Any:
    greenlet = loaded_greenlet().getcurrent()
    while greenlet.parent is not None:
        greenlet = greenlet.parent
    return greenlet


def _follow(stack: TracedStack, target: Any) -> None:
    """Record that ``target`` writes into the capture of ``stack`` as long as it lives."""
    if stack.capture is not None:
        followers = stack.capture.state.followers
        if not any(reference() is target for reference in followers):
            followers.append(weakref.ref(target))


def _belongs_to(target: Any, origin: Any) -> bool:
    """True if ``target``, a new greenlet, works only for ``origin``, which switched to it: then it returns there.

    The hubs of gevent and eventlet are started by the first greenlet that waits, and serve all of them.
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
    """Return the function that identifies threads, not greenlets; gevent and eventlet replace the standard one."""
    gevent = loaded_module("gevent.monkey")
    if gevent is not None:
        function: Callable[[], int] = gevent.get_original("_thread", "get_ident")
        return function
    eventlet = loaded_module("eventlet.patcher")
    return threading.get_ident if eventlet is None else eventlet.original("threading").get_ident
