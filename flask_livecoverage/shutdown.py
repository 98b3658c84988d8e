"""Ends the server that answers a request, whichever it is, once what is in flight is done."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .modules import imported
from .process import current_recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .middleware import InFlight

logger = logging.getLogger("flask_livecoverage")

# `livecov serve` puts a function here that ends its server.
SERVER_KEY = "flask_livecoverage.shutdown"
# ... and one here that tells whether it is about to end: what would go on for ever ends with it.
ENDING_KEY = "flask_livecoverage.ending"

GRACE_SECONDS = 30.0
_POLL_SECONDS = 0.05


def end_server(environ: WSGIEnvironment, in_flight: InFlight) -> None:
    """End the server that answered the request with ``environ``, all its processes.

    ``livecov serve`` ends itself. gunicorn and uWSGI end all workers gracefully. Another server's process gets the
    signal that a terminal's Ctrl-C sends, once the requests in flight are done. Where no server is (a test client),
    nothing ends.
    """
    software = environ.get("SERVER_SOFTWARE", "")
    shutdown: Callable[[], None] | None = environ.get(SERVER_KEY)
    if shutdown is not None:
        shutdown()
    elif software.startswith("gunicorn"):
        os.kill(os.getppid(), signal.SIGTERM)
    elif "uwsgi.version" in environ:
        _end_uwsgi(sys.modules["uwsgi"], in_flight)
    elif "waitress.client_disconnected" in environ:
        # Its main thread, which the signal ends, may have to send what the requests' threads have left it.
        waitress = environ["waitress.client_disconnected"].__self__.server
        _when_done(in_flight, lambda: _nothing_to_send(waitress), _interrupt)
    elif software:
        _when_done(in_flight, lambda: True, _interrupt)
    else:
        logger.info("no server to shut down")


def _interrupt() -> None:
    recorder = current_recorder()
    if recorder is not None:
        recorder.flush()
    interrupt = partial(os.kill, os.getpid(), signal.SIGINT)
    monkey = imported("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        # Our thread is a greenlet of the main thread. It would be interrupted itself, or another in mid-work.
        sys.modules["gevent"].get_hub().loop.run_callback(interrupt)
    else:
        interrupt()


def _nothing_to_send(waitress: Any) -> bool:
    return not any(channel.requests or channel.total_outbufs_len for channel in list(waitress.active_channels.values()))


def _end_uwsgi(uwsgi: Any, in_flight: InFlight) -> None:
    master = uwsgi.masterpid()
    if master and "gracefully_kill_them_all" in str(uwsgi.opt.get("hook-master-start")):
        os.kill(master, signal.SIGTERM)
        return

    def others_are_idle() -> bool:
        return not any(worker["status"] == b"busy" and worker["pid"] != os.getpid() for worker in uwsgi.workers())

    def end() -> None:
        # Without a master, the workers are on their own.
        for pid in [master] if master else [worker["pid"] for worker in uwsgi.workers()]:
            os.kill(pid, signal.SIGINT)

    _when_done(in_flight, others_are_idle, end)


def _when_done(in_flight: InFlight, all_sent: Callable[[], bool], end: Callable[[], None]) -> None:
    """Call ``end`` when the requests in flight are answered and ``all_sent`` says so, or when their time is over."""

    def wait() -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        if not in_flight.wait_until_empty(GRACE_SECONDS):
            logger.warning("%d requests still run after %.0f seconds: ending the server", len(in_flight), GRACE_SECONDS)
        while not all_sent() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        end()

    # In another thread, because this one has its response to finish.
    threading.Thread(target=wait, name="flask-livecoverage-shutdown").start()
