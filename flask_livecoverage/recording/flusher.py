"""The thread that writes regularly what no request writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import Context

logger = logging.getLogger("flask_livecoverage")


class Flusher:
    """Calls ``flush`` in a thread, every ``seconds``.

    The thread ends before a fork, which copies one thread alone, and before gevent replaces threads.
    """

    def __init__(self, flush: Callable[[], None], seconds: float = 1.0) -> None:
        self.seconds = seconds
        self._flush = flush
        self._stopping = threading.Event()
        # A signal handler may fork while its thread is about to.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._paused = False
        self._lacks_thread = False

    def resume(self) -> bool:
        """Start the thread, also after :meth:`pause`; return whether it runs. A second call does nothing."""
        with self._lock:
            self._paused = False
            return self._start()

    def start(self) -> bool:
        """Start the thread, unless it is paused; False if none can be started."""
        # Not while another thread forks, which has paused it.
        with self._lock:
            return self._start()

    def _start(self) -> bool:
        if self._paused or self._thread is not None:
            return True
        # A new one: it must be of the thread's kind, and gevent may have replaced threads since the last.
        self._stopping = stopping = threading.Event()
        thread = threading.Thread(target=self._run, args=(stopping,), name="flask-livecoverage", daemon=True)
        try:
            # A fork within a request comes here too, and this thread is not its work.
            Context().run(thread.start)
        except RuntimeError as error:
            # A limit on processes, say.
            self._report_lack_of_thread(error)
            return False
        self._thread = thread
        return True

    def _report_lack_of_thread(self, error: RuntimeError) -> None:
        if not self._lacks_thread:
            self._lacks_thread = True
            logger.warning(
                "%s: until one can be started, what runs outside of requests is written only when a request comes: "
                "allow this process more threads (ulimit -u, a container's limit of pids)",
                error,
            )

    def pause(self) -> None:
        """End the thread, and start none before :meth:`resume`."""
        with self._lock:
            self._paused = True
            self._end()

    def put_off(self) -> None:
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
        """In a forked child, which has no such thread."""
        self._lock = threading.RLock()
        self._paused = False
