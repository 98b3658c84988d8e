"""Keploy's side of the two sockets, byte for byte."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..support.polling import GUARD_SECONDS


class Keploy:
    """Sends commands as Keploy does, and receives the agent's reports."""

    def __init__(self, folder: Path) -> None:
        self.control = str(folder / "c")
        self.data = str(folder / "d")
        self._listener: socket.socket | None = None

    @property
    def options(self) -> tuple[str, ...]:
        return "--control-socket", self.control, "--data-socket", self.data

    def listen(self) -> None:
        """Listen on the data socket."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.data)
        self._listener.listen(64)

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            Path(self.data).unlink()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(GUARD_SECONDS)
        connection.connect(self.control)
        return connection

    def send(self, command: bytes, *, end: bool = False) -> bytes:
        """Send a command and return the whole answer; with ``end``, the sending side is closed first."""
        with self.connect() as connection:
            try:
                connection.sendall(command)
                if end:
                    connection.shutdown(socket.SHUT_WR)
                return read_all(connection)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    def start(self, test: str) -> None:
        assert self.send(f"START {test}\n".encode()) == b"ACK\n"

    def end(self, test: str) -> dict[str, list[int]]:
        """End a test, and return the lines by file that the agent reported of it."""
        with self.connect() as connection:
            connection.sendall(f"END {test}\n".encode())
            acknowledgement = b""
            while len(acknowledgement) < 4 and (part := connection.recv(4 - len(acknowledgement))):
                acknowledgement += part
            assert acknowledgement == b"ACK\n"
            document = self.received()
            assert read_all(connection) == b""
        assert document.keys() == {"id", "executedLinesByFile"}
        assert document["id"] == test
        lines: dict[str, list[int]] = document["executedLinesByFile"]
        return lines

    def received(self) -> Any:
        """The document that was sent before the ACK: it has arrived completely, so there is nothing to wait for."""
        assert self._listener is not None
        self._listener.setblocking(False)
        with self._listener.accept()[0] as connection:
            connection.setblocking(False)
            return json.loads(read_all(connection))

    def next_document(self) -> Any:
        """Wait for the next document, and return it."""
        assert self._listener is not None
        self._listener.settimeout(GUARD_SECONDS)
        with self._listener.accept()[0] as connection:
            connection.settimeout(GUARD_SECONDS)
            return json.loads(read_all(connection))

    def has_received(self) -> bool:
        """Return whether another document has arrived."""
        try:
            self.received()
        except BlockingIOError:
            return False
        return True


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def keploy_client() -> Iterator[Keploy]:
    """A client that listens on its data socket."""
    # Not the test's folder, because the path of a Unix socket is limited to about a hundred bytes.
    with tempfile.TemporaryDirectory(prefix="kp", dir="/tmp") as folder:
        keploy = Keploy(Path(folder))
        keploy.listen()
        try:
            yield keploy
        finally:
            keploy.close()
