"""Ends the server that answers a request, whichever it is, once what is in flight is done."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .process import current_recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .middleware import InFlight

logger = logging.getLogger("flask_livecoverage")

# `livecov serve` puts a function here that ends its server.
SERVER_KEY = "flask_livecoverage.shutdown"

GRACE_SECONDS = 30.0


def end_server(environ: WSGIEnvironment, in_flight: InFlight) -> None:
    """End the server that answered the request with ``environ``.

    ``livecov serve`` ends itself. gunicorn's worker tells its master, which ends all workers gracefully. Another
    server's process gets the signal that a terminal's Ctrl-C sends, once the requests in flight are done. Where no
    server is (a test client), nothing ends.
    """
    software = environ.get("SERVER_SOFTWARE", "")
    shutdown: Callable[[], None] | None = environ.get(SERVER_KEY)
    if shutdown is not None:
        shutdown()
    elif software.startswith("gunicorn"):
        os.kill(os.getppid(), signal.SIGTERM)
    elif software:
        # From another thread, because this one has its response to finish.
        threading.Thread(target=_interrupt_when_done, args=(in_flight,), name="flask-livecoverage-shutdown").start()
    else:
        logger.info("no server to shut down")


def _interrupt_when_done(in_flight: InFlight) -> None:
    if not in_flight.wait_until_empty(GRACE_SECONDS):
        logger.warning("%d requests still run after %.0f seconds: ending the server", len(in_flight), GRACE_SECONDS)
    recorder = current_recorder()
    if recorder is not None:
        recorder.flush()
    os.kill(os.getpid(), signal.SIGINT)
