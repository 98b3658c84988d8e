"""Ends the server that answers a request, whichever server it is, once the requests in flight are done."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ServerError
from ..model.imports import loaded_module
from ..recording.process import current_recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from ..middleware.wsgi import InFlight

logger = logging.getLogger("flask_livecoverage")

# WSGI environment keys that `livecov serve` sets: a function that ends its server,
SERVER_KEY = "flask_livecoverage.shutdown"
# and one that returns True if the server is about to end, so that endless responses can end.
ENDING_KEY = "flask_livecoverage.ending"

GRACE_SECONDS = 30.0
_POLL_SECONDS = 0.05

End = Callable[[], None]


def server_end(environ: WSGIEnvironment, in_flight: InFlight) -> End:
    """Return a function that ends the server, with all its processes, that answers the request with ``environ``.

    ``livecov serve`` provides its own. gunicorn and uWSGI end all workers gracefully. Another server's process gets
    SIGINT, as by Ctrl-C, once the requests in flight are done, and SIGTERM if it ignores SIGINT or is not ended by it.
    Raises ServerError if the server cannot be ended from here.
    """
    software = environ.get("SERVER_SOFTWARE", "")
    end: End | None = environ.get(SERVER_KEY)
    if end is not None:
        return end
    if software.startswith("gunicorn"):
        return _end_gunicorn
    if "uwsgi.version" in environ:
        return partial(_end_uwsgi, sys.modules["uwsgi"], in_flight)
    if "mod_wsgi.version" in environ:
        raise ServerError("Apache would restart the processes of mod_wsgi: end it with `apachectl graceful-stop`")
    if not software:
        raise ServerError("the server is unknown and cannot be ended from here: end it the way you started it")
    end = _signals_to_itself()
    if "waitress.client_disconnected" in environ:
        # The main thread, which the signal ends, may still have to send the responses that the request threads made.
        waitress = environ["waitress.client_disconnected"].__self__.server
        return partial(_when_done, in_flight, lambda: _nothing_to_send(waitress), end)
    return partial(_when_done, in_flight, lambda: True, end)


# The process that started this one. It has ended if it is no longer the parent.
_parent = os.getppid()


def _remember_parent() -> None:
    global _parent
    _parent = os.getppid()


os.register_at_fork(after_in_child=_remember_parent)


def _end_gunicorn() -> None:
    # If gunicorn's master has ended, the process that adopted this worker is not one of gunicorn.
    master_lives = os.getppid() == _parent
    os.kill(_parent if master_lives else os.getpid(), signal.SIGTERM)


def _signals_to_itself() -> End:
    """Return a function that ends this process by a signal. Raises ServerError if it ignores SIGINT and SIGTERM."""
    # A shell makes the background processes of a script ignore SIGINT.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    if not numbers:
        raise ServerError(f"the server ignores SIGINT and SIGTERM: end its process {os.getpid()} with SIGKILL")
    return partial(_signal_until_it_ends, numbers)


def _signal_until_it_ends(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        _signal(number)
        deadline = time.monotonic() + GRACE_SECONDS
        while threading.main_thread().is_alive():
            if time.monotonic() > deadline:
                logger.warning("%s did not end the server within %.0f seconds", number.name, GRACE_SECONDS)
                break
            time.sleep(_POLL_SECONDS)
        else:
            return


def _signal(number: signal.Signals) -> None:
    recorder = current_recorder()
    if recorder is not None:
        # SIGTERM ends a process immediately, unless it has a handler.
        recorder.flush()
        recorder.inventory.write()
    send = partial(os.kill, os.getpid(), number)
    monkey = loaded_module("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        # This thread is a greenlet of the main thread. The signal would interrupt it, or another greenlet at work.
        sys.modules["gevent"].get_hub().loop.run_callback(send)
    else:
        send()


def _nothing_to_send(waitress: Any) -> bool:
    return not any(channel.requests or channel.total_outbufs_len for channel in list(waitress.active_channels.values()))


def _end_uwsgi(uwsgi: Any, in_flight: InFlight) -> None:
    master = uwsgi.masterpid()
    if master and master != os.getppid():
        # The master has ended.
        master = 0
    if master and "gracefully_kill_them_all" in str(uwsgi.opt.get("hook-master-start")):
        os.kill(master, signal.SIGTERM)
        return

    def others_are_idle() -> bool:
        return not any(worker["status"] == b"busy" and worker["pid"] != os.getpid() for worker in uwsgi.workers())

    def end() -> None:
        # Without a master, each worker must be ended separately.
        for pid in [master] if master else _of_this_session(worker["pid"] for worker in uwsgi.workers()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    _when_done(in_flight, others_are_idle, end)


def _of_this_session(pids: Iterable[int]) -> list[int]:
    """Those of ``pids`` that still belong to this server. The system reuses the ids of workers that have ended."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if pid > 0 and os.getsid(pid) == os.getsid(0) and os.getpgid(pid) == os.getpgid(0):
                found.append(pid)
    return found


def _when_done(in_flight: InFlight, all_sent: Callable[[], bool], end: End) -> None:
    """Call ``end`` when the requests in flight are answered and ``all_sent()`` is true, or after the grace period."""

    def wait() -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        if not in_flight.wait_until_empty(GRACE_SECONDS):
            logger.warning("%d requests still run after %.0f seconds: ending the server", len(in_flight), GRACE_SECONDS)
        while not all_sent() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        end()

    # In another thread, because this one must finish its own response.
    threading.Thread(target=wait, name="flask-livecoverage-shutdown").start()
