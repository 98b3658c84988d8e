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

# Serves `app` of the module `application` until it reads a line from its standard input, or that ends.
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
    """Write the server's script."""
    path.write_text(textwrap.dedent(SERVE).lstrip())
    return path


@contextmanager
def process(command: list[str], environ: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is killed when the block is left. Its standard error is part of its output."""
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
    """Return the port that a server prints when it listens, at the end of the line that contains ``marker``.

    Later output is read and discarded, so that the pipe cannot fill up.
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
    """Serve ``app`` to real clients, each in a thread, and yield the port. Ends when all of the threads have ended."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    with serving_in_thread(server):
        yield server.server_port


@contextmanager
def serving_in_thread(server: BaseServer) -> Iterator[None]:
    """Let a threaded ``server`` serve. Ends when the threads of requests have ended, too."""
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
    """Return the status and the body of a response. Raises OSError or HTTPException if it is incomplete."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


PYTHON = sys.executable
LISTENING = "listening on port"
