"""A process that serves a workload over HTTP, under a contestant, until SIGTERM.

::

    python -m benchmarks.comparison.server WORK CONTESTANT werkzeug|gunicorn

It prints what the worker prints, with its port, when it listens.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import TYPE_CHECKING, TextIO

from gunicorn.app.base import BaseApplication
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.comparison.measured import Measured, load_named, quiet_output

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 4


class Handler(WSGIRequestHandler):
    """Logs nothing. Werkzeug closes each connection after its response."""

    protocol_version = "HTTP/1.1"
    # Werkzeug sends a head and its body apart: the body would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def serve_werkzeug(workload: str, contestant: str, replies: TextIO) -> None:
    """Werkzeug's server, a thread for each connection."""
    measured = load_named(workload, contestant)
    server = make_server("127.0.0.1", 0, measured.wsgi, threaded=True, request_handler=Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    announce(measured, server.server_port, replies)
    server.serve_forever()


class Gunicorn(BaseApplication):
    """gunicorn with one worker process of four threads, which loads the application."""

    def __init__(self, workload: str, contestant: str, replies: TextIO) -> None:
        self._names = workload, contestant
        self._replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"fd://{self._listener.detach()}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "keepalive": 60,
            "graceful_timeout": 1,
            "loglevel": "error",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        measured = load_named(*self._names)
        announce(measured, self._port, self._replies)
        return measured.wsgi


def announce(measured: Measured, port: int, replies: TextIO) -> None:
    """Report the port, when the server listens."""
    facts = {"paths": measured.paths, "problem": measured.problem, "port": port}
    print(json.dumps(facts), file=replies, flush=True)


def main() -> None:
    """Serve."""
    replies = quiet_output()
    workload, contestant, server = sys.argv[1:]
    if server == "gunicorn":
        # gunicorn reads the command line.
        del sys.argv[1:]
        Gunicorn(workload, contestant, replies).run()
    else:
        serve_werkzeug(workload, contestant, replies)


if __name__ == "__main__":
    main()
