"""Servers in processes of their own or in threads of this one, and a client."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socketserver import BaseServer
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Serves `app` of the module `application` until it gets a line on its standard input, or that ends.
SERVE = """
    import sys
    import threading

    from werkzeug.serving import make_server

    from application import app

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print("listening on port:", server.server_port, sep="", flush=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), server.shutdown())).start()
    server.serve_forever(0.01)
    server.server_close()
"""


def write_script(path: Path) -> Path:
    """Write the script that serves."""
    path.write_text(textwrap.dedent(SERVE).lstrip())
    return path


@contextmanager
def process(command: list[str], environ: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is over when the block is left, whatever happens. Its standard error is part of its output."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=dict(environ), text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()
            # Started by read_port.
            for thread in threading.enumerate():
                if thread.name == _drain_name(running):
                    thread.join()


def read_port(running: subprocess.Popen[str], marker: str) -> int:
    """The port that a server tells when it listens, at the end of the line that holds ``marker``.

    What it prints after that is read and dropped: nobody drains a pipe by not looking.
    """
    assert running.stdout is not None
    seen = []
    for line in running.stdout:
        seen.append(line)
        if marker in line:
            threading.Thread(target=running.stdout.read, name=_drain_name(running)).start()
            return int(line.rpartition(":")[2])
    raise AssertionError("".join(seen))


def _drain_name(running: subprocess.Popen[str]) -> str:
    return f"drain-{running.pid}"


class QuietHandler(WSGIRequestHandler):
    def log_request(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(app: WSGIApplication) -> Iterator[int]:
    """Serve ``app`` to real clients, each in a thread; over when all of these have ended. The port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    with serving_in_thread(server):
        yield server.server_port


@contextmanager
def serving_in_thread(server: BaseServer) -> Iterator[None]:
    """Let a threaded ``server`` serve; over when the threads of requests have ended, too."""
    server.daemon_threads = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        # Joins the threads of requests.
        server.server_close()


def get(port: int, path: str, *, method: str = "GET") -> tuple[int, bytes]:
    """The status and the body of a response. Raises OSError or HTTPException if it does not come whole."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


PYTHON = sys.executable
LISTENING = "listening on port"
