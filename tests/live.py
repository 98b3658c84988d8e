"""Servers in processes of their own, and a client."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

# Serves `app` of the module `application` until it gets a line on its standard input, or that ends.
SERVE = """
    import sys
    import threading

    from werkzeug.serving import make_server

    {prepare}
    from application import app

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), server.shutdown())).start()
    server.serve_forever(0.01)
    server.server_close()
"""


def write_script(path: Path, prepare: str = "") -> Path:
    """Write the script that serves."""
    path.write_text(textwrap.dedent(SERVE).format(prepare=prepare).lstrip())
    return path


@contextmanager
def process(command: list[str], environ: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is over when the block is left, whatever happens. Its output is little enough for pipes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=dict(environ), text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def read_port(running: subprocess.Popen[str], marker: str = "") -> int:
    """The port that a server tells when it listens: what ends the line, on standard error, that holds ``marker``.

    Without a marker, the line on standard output.
    """
    stream = running.stderr if marker else running.stdout
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        if marker in line:
            return int(line.rpartition(":")[2])
    assert running.stderr is not None
    raise AssertionError("".join([*seen, running.stderr.read()]))


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
