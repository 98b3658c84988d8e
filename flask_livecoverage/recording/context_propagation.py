"""Propagates the current request into threads, pools, futures and greenlets.

Contexts (:mod:`contextvars`) are not inherited by threads. So while a recorder runs, the functions that start threads
and those that submit calls to workers are wrapped, and pass the current request on: the practice of tracing libraries
such as OpenTelemetry. Only the request is propagated, nothing of the application's own context.

A thread that a request starts belongs to the request as long as it lives. The workers of a pool serve other requests
too: there the submitted call belongs to the request, and the workers to no request, whichever caused their start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

from ..model.imports import cancel, loaded_module, when_imported
from ..model.patches import Patches
from . import greenlet_contexts
from .recorder import Recorder
from .request import RunningRequest, current_request

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Executor, Future
    from multiprocessing.pool import Pool

Function = Callable[..., Any]


def _start_for_request(start: Function) -> Function:
    @wraps(start)
    def wrapper(self: threading.Thread, *args: Any, **kwargs: Any) -> Any:
        request = current_request()
        if request is None:
            return start(self, *args, **kwargs)
        self.run = partial(_run_thread, self, request, self.run)  # type: ignore[method-assign]
        try:
            return start(self, *args, **kwargs)
        except BaseException:
            vars(self).pop("run", None)
            raise

    return wrapper


def _run_thread(thread: threading.Thread, request: RunningRequest, run: Callable[[], None]) -> None:
    # The attribute would keep the thread alive in a cycle.
    vars(thread).pop("run", None)
    request.run(run)


def _start_greenlet_for_request(greenlet: Any) -> None:
    """Called by gevent before a greenlet starts, in the context of its starter."""
    greenlet_contexts.link_in_context(greenlet)
    request = current_request()
    if request is not None:
        greenlet._run = partial(request.run, greenlet._run)


def _submit_for_request(submit: Function) -> Function:
    @wraps(submit)
    def wrapper(self: Executor, function: Function, /, *args: Any, **kwargs: Any) -> Any:
        request = current_request()
        if request is None:
            return submit(self, function, *args, **kwargs)
        # It may start workers.
        with request.detached():
            return submit(self, _bound(self, request, function), *args, **kwargs)

    return wrapper


def _init_detached(init: Function) -> Function:
    @wraps(init)
    def wrapper(self: Pool, *args: Any, **kwargs: Any) -> None:
        request = current_request()
        if request is None:
            init(self, *args, **kwargs)
        else:
            with request.detached():
                init(self, *args, **kwargs)

    return wrapper


def _call_for_request(method: Function) -> Function:
    """Wrap a ``method`` of :class:`multiprocessing.pool.Pool`, whose workers have been started already."""
    parameters = signature(method)

    @wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        request = current_request()
        if request is None:
            return method(*args, **kwargs)
        call = parameters.bind(*args, **kwargs).arguments
        call["func"] = _bound(call["self"], request, call["func"])
        # These run in a pool thread, so bind them too.
        for name in ("callback", "error_callback"):
            if call.get(name) is not None:
                call[name] = partial(request.run, call[name])
        if method.__name__.startswith("imap"):
            call["iterable"] = _iterated_in(request, call["iterable"])
        return method(**call)

    return wrapper


def _iterated_in(request: RunningRequest, iterable: Iterable[Any]) -> Iterator[Any]:
    iterator = request.run(iter, iterable)
    while True:
        try:
            item = request.run(next, iterator)
        except StopIteration:
            return
        yield item


def _bound(pool: Any, request: RunningRequest, function: Function) -> Function:
    """Return ``function`` bound to ``request``, where a recorder measures the workers of ``pool``."""
    if _is_instance(pool, "concurrent.futures.process", "ProcessPoolExecutor"):
        return _bound_in_process(pool._mp_context, request, function)
    if _is_instance(pool, "multiprocessing.pool", "Pool") and not _is_instance(
        pool, "multiprocessing.pool", "ThreadPool"
    ):
        return _bound_in_process(pool._ctx, request, function)
    if _is_instance(pool, "concurrent.futures.interpreter", "InterpreterPoolExecutor"):
        # New in Python 3.14. The other interpreters are not measured.
        return function
    return partial(request.run, function)


def _is_instance(pool: Any, module: str, name: str) -> bool:
    found = getattr(loaded_module(module), name, None)
    return found is not None and isinstance(pool, found)


def _bound_in_process(context: Any, request: RunningRequest, function: Function) -> Function:
    if context.get_start_method() != "fork":
        return function
    return partial(_run_in_child, request.id, request.is_recordable, function)


def _run_in_child(request_id: str, is_recordable: bool, function: Function, /, *args: Any, **kwargs: Any) -> Any:
    if _recorder is None:
        return function(*args, **kwargs)
    return _recorder.parent_request(request_id, is_recordable).run(function, *args, **kwargs)


def _add_callback(add: Function) -> Function:
    @wraps(add)
    def wrapper(self: Future[Any], function: Function) -> None:
        request = current_request()
        # Asyncio's own callback wakes a loop up, in the context of the view.
        if request is None or getattr(function, "__module__", None) == "asyncio.futures":
            add(self, function)
        else:
            add(self, partial(request.run, function))

    return wrapper


_Wrap = Callable[[Any], Any]

# Module → class (empty for a function), name and wrapper. Modules that are not imported yet are wrapped when they are:
# imported before gevent patches the standard library, multiprocessing would block all greenlets.
_WRAPPED: dict[str, list[tuple[str, str, _Wrap]]] = {
    "threading": [("Thread", "start", _start_for_request)],
    "concurrent.futures.thread": [("ThreadPoolExecutor", "submit", _submit_for_request)],
    "concurrent.futures.process": [("ProcessPoolExecutor", "submit", _submit_for_request)],
    "concurrent.futures._base": [("Future", "add_done_callback", _add_callback)],
    # Its greenlets start with an empty context, as threads do. The class is in C, and has callbacks for each start.
    "gevent.greenlet": [],
    "gevent.hub": [
        ("Hub", "run", greenlet_contexts.run_detached),
        ("Hub", "loop", greenlet_contexts.HubLoop),
        ("", "spawn_raw", greenlet_contexts.spawn_in_context),
    ],
    # Re-exported from gevent.hub, perhaps before that was wrapped.
    "gevent": [("", "spawn_raw", greenlet_contexts.spawn_in_context)],
    "eventlet.hubs.hub": [
        ("BaseHub", "run", greenlet_contexts.run_detached),
        ("BaseHub", "schedule_call_global", greenlet_contexts.schedule_in_context),
        ("BaseHub", "schedule_call_local", greenlet_contexts.schedule_in_context),
    ],
    "eventlet.hubs.asyncio": [("Hub", "run", greenlet_contexts.run_detached)],
    "multiprocessing.pool": [
        ("Pool", "__init__", _init_detached),
        *[("Pool", name, _call_for_request) for name in ("apply_async", "_map_async", "imap", "imap_unordered")],
    ],
}

_patches = Patches()
_recorder: Recorder | None = None


def _wrap_module(name: str, module: Any) -> None:
    if name == "gevent.greenlet":
        module.Greenlet.add_spawn_callback(_start_greenlet_for_request)
    for class_name, attribute, wrap in _WRAPPED[name]:
        _patches.wrap(getattr(module, class_name) if class_name else module, attribute, wrap)


def install(recorder: Recorder) -> None:
    """Propagate the requests of ``recorder`` from now on."""
    global _recorder
    _recorder = recorder
    greenlet_contexts.install()
    for name in _WRAPPED:
        when_imported(name, _wrap_module)


def uninstall() -> None:
    """Restore the original functions, except where other code has wrapped them in the meantime."""
    global _recorder
    _recorder = None
    greenlet_contexts.uninstall()
    for name in _WRAPPED:
        cancel(name, _wrap_module)
    gevent = loaded_module("gevent.greenlet")
    if gevent is not None:
        gevent.Greenlet.remove_spawn_callback(_start_greenlet_for_request)
    _patches.undo()
