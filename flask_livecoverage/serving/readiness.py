"""The connection between ``livecov run`` and the ``livecov serve`` that it starts.

The server reports that it answers, or that it has failed and printed the reason. If the connection closes before
either, the server has died. Its parent's end closes however ``livecov run`` ends; the server ends then.
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


class StartupFailed(LiveCoverageError):
    """The server did not start, and has printed the reason on standard error; ``exit_code`` is its exit status."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("")
        self.exit_code = exit_code


class ParentConnection:
    """The server's end; does nothing without a ``descriptor``, if no parent waits for this server."""

    def __init__(self, descriptor: int | None) -> None:
        self._socket = None if descriptor is None else socket.socket(fileno=descriptor)
        if self._socket is not None:
            # Processes that the application starts must not keep the connection open.
            self._socket.set_inheritable(False)
            threading.Thread(target=self._wait, name="flask-livecoverage-parent", daemon=True).start()

    def _wait(self) -> None:
        assert self._socket is not None
        with suppress(OSError):
            self._socket.recv(1)
        # By a signal, as from outside, because the main thread may be importing the application. `livecov run` may have
        # been started with some signals ignored.
        numbers = (signal.SIGTERM, signal.SIGINT)
        effective = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
        os.kill(os.getpid(), effective[0] if effective else signal.SIGKILL)

    def report_ready(self, url: str) -> None:
        """Report that the server answers."""
        self._send(url=url)

    @contextmanager
    def reporting_failures(self) -> Iterator[None]:
        """Report failures of the block to the parent, if they are errors that are shown to the user."""
        try:
            yield
        except (LiveCoverageError, click.ClickException) as error:
            self._send(exit_code=error.exit_code)
            raise

    def _send(self, **message: Any) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendall(json.dumps(message).encode() + b"\n")


def wait_for_server(connection: socket.socket, timeout: float) -> str | None:
    """The address at which the server answers; None if it died.

    Raises StartupFailed if the server has failed and printed the reason, TimeoutError if it reports nothing for
    ``timeout`` seconds.
    """
    connection.settimeout(timeout)
    with connection.makefile("rb") as lines:
        line = lines.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    if "exit_code" in message:
        raise StartupFailed(message["exit_code"])
    return str(message["url"])
