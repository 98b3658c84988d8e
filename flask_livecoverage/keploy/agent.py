"""The agent: reports to Keploy the lines that the server executed for each test.

Keploy sends ``START set/test`` before it replays a test case and ``END set/test`` after it, one connection each, and
waits for ``ACK``. Before the ``ACK`` to an ``END``, the agent sends ``{"id": "set/test", "executedLinesByFile": {path:
lines}}`` to the data socket. The agents in Keploy's SDKs do the same (see :mod:`.sockets`), but differ in their
handling of errors. Here, as in ``KeployDedupAgent.java``, a valid command is always acknowledged, because Keploy waits,
and an invalid one never. Keploy's client in ``pkg/platform/coverage/golang`` does not wait, and closes the connection
immediately, which is harmless.
"""

from __future__ import annotations

import json
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from ..errors import LiveCoverageError
from ..model.text import MAX_NAME_LENGTH
from .collector import Collector
from .sockets import BadCommand, read_command, send_document

logger = logging.getLogger("flask_livecoverage")

ACKNOWLEDGEMENT = b"ACK\n"
# The limit for a client to send its command, and for Keploy to receive a document.
TIMEOUT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


class RunSource(Protocol):
    """Finds the run that is being recorded, and the collector of its tests."""

    def for_start(self) -> Collector:
        """The collector of the current run, to start a test. Raises LiveCoverageError if there is no run."""

    def for_end(self) -> Collector | None:
        """The collector of the tests that were started, to end one; None if none was started."""

    def close(self) -> None:
        """Close the windows of tests that have not ended."""


class Agent:
    """Answers the commands that arrive on ``listener``, each in a thread of its own.

    :param data_socket: the path on which Keploy listens.
    """

    def __init__(self, listener: socket.socket, runs: RunSource, data_socket: str) -> None:
        self._listener = listener
        self._runs = runs
        self._data_socket = data_socket
        # Held while a command is executed, so that windows are opened in the order of commands.
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._keploy_listens = True
        self._wake, self._waker = socket.socketpair()

    def serve_until_stopped(self) -> None:
        """Answer commands until :meth:`stop`, and complete those that have been received by then."""
        self._listener.setblocking(False)
        try:
            # Not select(), which fails for descriptors from 1024 on.
            with selectors.DefaultSelector() as selector:
                selector.register(self._listener, selectors.EVENT_READ)
                selector.register(self._wake, selectors.EVENT_READ)
                while self._wake not in (ready := [key.fileobj for key, _ in selector.select()]):
                    if ready:
                        self._accept()
        finally:
            self._end()

    def stop(self) -> None:
        """Make :meth:`serve_until_stopped` return. May be called in a signal handler."""
        with suppress(OSError):
            self._waker.send(b"x")

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Answer commands while the block runs."""
        thread = threading.Thread(target=self.serve_until_stopped, name="flask-livecoverage-keploy", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def _accept(self) -> None:
        try:
            connection = self._listener.accept()[0]
        except OSError as error:
            logger.warning("cannot accept a connection from Keploy: %s", error)
            # For example out of descriptors. The connection is still pending, and would be tried again at once.
            time.sleep(_PAUSE_SECONDS)
            return
        thread = threading.Thread(
            target=self._answer, args=(connection,), name="flask-livecoverage-keploy-command", daemon=True
        )
        self._connections[connection] = thread
        thread.start()

    def _end(self) -> None:
        for connection, thread in list(self._connections.items()):
            # Its thread, which may be waiting for a command, reads end-of-file.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
            thread.join()
        self._wake.close()
        self._waker.close()
        with self._lock:
            self._runs.close()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                try:
                    command = read_command(connection, TIMEOUT_SECONDS)
                    if command and self._execute(command):
                        connection.settimeout(TIMEOUT_SECONDS)
                        connection.sendall(ACKNOWLEDGEMENT)
                except BadCommand as error:
                    logger.warning("not a Keploy command: %s", error)
                except TimeoutError:
                    logger.warning("no command from Keploy within %.0f seconds", TIMEOUT_SECONDS)
                except OSError as error:
                    logger.debug("Keploy did not wait for the answer: %s", error)
        finally:
            self._connections.pop(connection, None)

    def _execute(self, command: str) -> bool:
        """Execute a command; return whether to acknowledge it."""
        verb, _, test = command.partition(" ")
        test = test.strip()
        if verb not in ("START", "END") or not test or len(test) > MAX_NAME_LENGTH or not test.isprintable():
            raise BadCommand(repr(command[:60]))
        try:
            if verb == "START":
                with self._lock:
                    self._runs.for_start().start(test)
            else:
                self._report(test)
        except (LiveCoverageError, OSError) as error:
            logger.error("%s %s: %s", verb, test, error)
        return True

    def _report(self, test: str) -> None:
        with self._lock:
            collector = self._runs.for_end()
            lines = collector.end(test) if collector is not None else None
        if lines is None:
            logger.warning("END %s: the test was not started, so nothing is reported", test)
            return
        document = {"id": test, "executedLinesByFile": lines}
        try:
            send_document(self._data_socket, json.dumps(document, separators=(",", ":")).encode(), TIMEOUT_SECONDS)
            self._keploy_listens = True
        except OSError as error:
            if self._keploy_listens:
                self._keploy_listens = False
                logger.warning(
                    "Keploy does not listen on %s (%s): the lines of tests are recorded, but not reported to it",
                    self._data_socket,
                    error.strerror or error,
                )
