"""A proxy on this machine that behaves like nginx and HAProxy: it passes requests on, with additional headers."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ...support.servers import LISTENING, PYTHON, process, read_port

# Its arguments: the server's port, the id of the user to run as (or nothing), and the headers. When one end of a
# connection is closed, it closes the other.
FORWARD = """
    import os, select, socket, sys, threading

    port, user, headers = int(sys.argv[1]), sys.argv[2], [header.encode() for header in sys.argv[3:]]

    def forward(client):
        with client, socket.socket() as server:
            server.connect(("127.0.0.1", port))
            head = b""
            while b"\\r\\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            line, _, rest = head.partition(b"\\r\\n")
            server.sendall(b"\\r\\n".join([line, *headers, rest]))
            other = {client: server, server: client}
            while True:
                for end in select.select(list(other), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    other[end].sendall(data)

    listener = socket.create_server(("127.0.0.1", 0))
    if user:
        os.setuid(int(user))
    print("listening on port:", listener.getsockname()[1], sep="", flush=True)
    while True:
        threading.Thread(target=forward, args=(listener.accept()[0],), daemon=True).start()
"""

NOBODY = 65534


@contextmanager
def proxy(folder: Path, port: int, *headers: str, user: int | None = None) -> Iterator[int]:
    """Start a proxy in front of the server at ``port``, in a separate process, and yield the proxy's port."""
    if user is not None and os.geteuid() != 0:
        pytest.skip("only the superuser can start a proxy of another user")
    script = folder / "forward.py"
    script.write_text(textwrap.dedent(FORWARD).lstrip())
    with process([PYTHON, str(script), str(port), str(user or ""), *headers], os.environ, folder) as running:
        yield read_port(running, LISTENING)
