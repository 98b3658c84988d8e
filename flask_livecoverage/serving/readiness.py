"""What ``livecov run`` and the ``livecov serve`` that it starts tell each other, through a socket.

The server says that it answers, or that it has failed and said why; the end of the connection, before that, says that
it died. The connection's other end tells the server when to go: it closes however ``livecov run`` ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from ..errors import LiveCoverageError


class Failed(LiveCoverageError):
    """The server has said itself, on standard error, why it did not start; ``exit_code`` is its exit status."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("")
        self.exit_code = exit_code


class Parent:
    """The server's end; without a ``descriptor``, nobody waits for this server."""

    def __init__(self, descriptor: int | None) -> None:
        self._socket = None if descriptor is None else socket.socket(fileno=descriptor)
        if self._socket is not None:
            # What the application starts must not keep the connection open.
            self._socket.set_inheritable(False)
            threading.Thread(target=self._wait, name="flask-livecoverage-parent", daemon=True).start()

    def _wait(self) -> None:
        assert self._socket is not None
        with suppress(OSError):
            self._socket.recv(1)
        # As if told from outside, because the application may be in the middle of its import. Whoever started
        # `livecov run` may have had some signals ignored.
        numbers = (signal.SIGTERM, signal.SIGINT)
        heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
        os.kill(os.getpid(), heard[0] if heard else signal.SIGKILL)

    def answers_at(self, url: str) -> None:
        """Say that the server answers."""
        self._tell(url=url)

    @contextmanager
    def told_of_failure(self) -> Iterator[None]:
        """Say so if the block fails with an error that is shown to the user."""
        try:
            yield
        except (LiveCoverageError, click.ClickException) as error:
            self._tell(exit_code=error.exit_code)
            raise

    def _tell(self, **message: Any) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendall(json.dumps(message).encode() + b"\n")


def wait_for_server(connection: socket.socket, timeout: float) -> str | None:
    """The address at which the server answers; None if it died.

    Raises Failed if the server has failed and said why, TimeoutError if it says nothing for ``timeout`` seconds.
    """
    connection.settimeout(timeout)
    with connection.makefile("rb") as lines:
        line = lines.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    if "exit_code" in message:
        raise Failed(message["exit_code"])
    return str(message["url"])
