"""The thread that flushes once a second: it writes the lines that no request writes with its response."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import Context

logger = logging.getLogger("flask_livecoverage")


class Flusher:
    """Calls ``flush`` in a thread, every ``seconds``.

    The thread is ended before a fork, which copies only the current thread, and before gevent replaces threads.
    """

    def __init__(self, flush: Callable[[], None], seconds: float = 1.0) -> None:
        self.seconds = seconds
        self._flush = flush
        self._stopping = threading.Event()
        # Re-entrant, because a signal handler may fork while the thread that it interrupts holds the lock.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._paused = False
        self._warned = False

    def resume(self) -> bool:
        """Start the thread, also after :meth:`pause`; return whether it runs. Idempotent."""
        with self._lock:
            self._paused = False
            return self._start()

    def start(self) -> bool:
        """Start the thread, unless it is paused; False if no thread can be started."""
        # Not while another thread forks, which has paused this one.
        with self._lock:
            return self._start()

    def _start(self) -> bool:
        if self._paused or self._thread is not None:
            return True
        # A new event, because it must be of the thread's kind, and gevent may have replaced threads since the last
        # start.
        self._stopping = stopping = threading.Event()
        thread = threading.Thread(target=self._run, args=(stopping,), name="flask-livecoverage", daemon=True)
        try:
            # A fork within a request restarts this thread too, which must not belong to that request.
            Context().run(thread.start)
        except RuntimeError as error:
            # A limit on processes, for example.
            self._warn_once(error)
            return False
        self._thread = thread
        return True

    def _warn_once(self, error: RuntimeError) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "%s: until one can be started, lines that run outside of requests are written only when a request "
                "arrives: allow this process more threads (ulimit -u, or the container's limit of pids)",
                error,
            )

    def pause(self) -> None:
        """End the thread, and start no other before :meth:`resume`."""
        with self._lock:
            self._paused = True
            self._end()

    def stop(self) -> None:
        """End the thread; the next :meth:`start` starts it again."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self.seconds):
            self._flush()

    def after_fork(self) -> None:
        """Reset the state in a forked child, which has no such thread."""
        self._lock = threading.RLock()
        self._paused = False
