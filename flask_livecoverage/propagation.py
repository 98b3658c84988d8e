"""Work that a request hands to threads belongs to the request.

Contexts (:mod:`contextvars`) do not follow into threads, so while a recorder runs, ``Thread.start`` and
``ThreadPoolExecutor.submit`` carry the current request along: the practice of tracing libraries such as OpenTelemetry.
Only the request is carried, nothing of the application's own context.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

from .recorder import RequestCapture, _current_request, current_request

_thread_start = threading.Thread.start
_submit = ThreadPoolExecutor.submit


@wraps(_thread_start)
def _start_for_request(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
    request = current_request()
    if request is None:
        return _thread_start(self, *args, **kwargs)
    self.run = partial(_run_thread, self, request, self.run)  # type: ignore[method-assign]
    try:
        return _thread_start(self, *args, **kwargs)
    except BaseException:
        vars(self).pop("run", None)
        raise


def _run_thread(thread: threading.Thread, request: RequestCapture, run: Callable[[], None]) -> None:
    # The attribute would keep the thread alive in a cycle.
    vars(thread).pop("run", None)
    request.run(run)


@wraps(_submit)  # type: ignore[arg-type]
def _submit_for_request(
    self: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Future[Any]:
    request = current_request()
    if request is None:
        return _submit(self, function, *args, **kwargs)
    # A worker thread that this call starts will serve others too: the request owns the call, not the worker.
    token = _current_request.set(None)
    try:
        return _submit(self, partial(request.run, function), *args, **kwargs)
    finally:
        _current_request.reset(token)


def install() -> None:
    """Carry requests into threads from now on."""
    threading.Thread.start = _start_for_request  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = _submit_for_request  # type: ignore[method-assign, assignment]


def uninstall() -> None:
    """Leave threads as they were found, unless somebody else has wrapped them meanwhile."""
    if threading.Thread.start is _start_for_request:
        threading.Thread.start = _thread_start  # type: ignore[method-assign]
    if ThreadPoolExecutor.submit is _submit_for_request:
        ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign]
