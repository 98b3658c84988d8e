"""The agent: tells Keploy, test by test, which lines the server executed.

Keploy sends ``START set/test`` before it replays a test case and ``END set/test`` after it, one connection each, and
waits for ``ACK``. Before the ``ACK`` to an ``END``, the agent sends ``{"id": "set/test", "executedLinesByFile":
{path: lines}}`` to the data socket. So do the agents in Keploy's SDKs (see :mod:`.sockets`). They differ in what is an
error; here, as in ``KeployDedupAgent.java``, a command that can be read is always acknowledged, because Keploy waits,
and one that cannot is not. Keploy's client in ``pkg/platform/coverage/golang`` does not wait: it closes the connection
at once, which does no harm.
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
from .collector import Collector
from .sockets import BadCommand, read_command, send_document

logger = logging.getLogger("flask_livecoverage")

ACKNOWLEDGEMENT = b"ACK\n"
# How long a client may take to send its command, and Keploy to take a document.
TIMEOUT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
# What identity.py takes of a test's name.
_LONGEST_ID = 1000


class Tests(Protocol):
    """Where the agent finds the tests that are under way."""

    def to_start(self) -> Collector:
        """The tests of the run that is recorded now. Raises LiveCoverageError if there is none."""

    def to_end(self) -> Collector | None:
        """The tests that were started, None if none was."""

    def close(self) -> None:
        """Close the windows of tests that have not ended."""


class Agent:
    """Answers the commands that come in on ``listener``, each in a thread of its own.

    :param data_socket: the path on which Keploy listens.
    """

    def __init__(self, listener: socket.socket, tests: Tests, data_socket: str) -> None:
        self._listener = listener
        self._tests = tests
        self._data_socket = data_socket
        # Held while a command is carried out: the order of commands is the order of windows.
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._keploy_listens = True
        self._wake, self._waker = socket.socketpair()

    def serve_until_stopped(self) -> None:
        """Answer commands until :meth:`stop`; those that are under way then are carried out."""
        self._listener.setblocking(False)
        try:
            # Not select(), which takes no descriptor from 1024 on.
            with selectors.DefaultSelector() as selector:
                selector.register(self._listener, selectors.EVENT_READ)
                selector.register(self._wake, selectors.EVENT_READ)
                while self._wake not in (ready := [key.fileobj for key, _ in selector.select()]):
                    if ready:
                        self._accept()
        finally:
            self._end()

    def stop(self) -> None:
        """Have :meth:`serve_until_stopped` return. Callable in a signal handler."""
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
            logger.warning("Keploy's command was not taken: %s", error)
            # Out of descriptors, say: the connection is still there, and would be tried again at once.
            time.sleep(_PAUSE_SECONDS)
            return
        thread = threading.Thread(
            target=self._answer, args=(connection,), name="flask-livecoverage-keploy-command", daemon=True
        )
        self._connections[connection] = thread
        thread.start()

    def _end(self) -> None:
        for connection, thread in list(self._connections.items()):
            # Its thread, which may wait for a command, reads the end of the stream.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
            thread.join()
        self._wake.close()
        self._waker.close()
        with self._lock:
            self._tests.close()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                try:
                    command = read_command(connection, TIMEOUT_SECONDS)
                    if command and self._carry_out(command):
                        connection.settimeout(TIMEOUT_SECONDS)
                        connection.sendall(ACKNOWLEDGEMENT)
                except BadCommand as error:
                    logger.warning("not a command of Keploy's: %s", error)
                except TimeoutError:
                    logger.warning("no command of Keploy's came within %.0f seconds", TIMEOUT_SECONDS)
                except OSError as error:
                    logger.debug("Keploy did not wait for its answer: %s", error)
        finally:
            self._connections.pop(connection, None)

    def _carry_out(self, command: str) -> bool:
        """Carry out a command; whether it is to be acknowledged."""
        verb, _, test = command.partition(" ")
        test = test.strip()
        if verb not in ("START", "END") or not test or len(test) > _LONGEST_ID or not test.isprintable():
            raise BadCommand(repr(command[:60]))
        try:
            if verb == "START":
                with self._lock:
                    self._tests.to_start().start(test)
            else:
                self._report(test)
        except (LiveCoverageError, OSError) as error:
            logger.error("%s %s: %s", verb, test, error)
        return True

    def _report(self, test: str) -> None:
        with self._lock:
            collector = self._tests.to_end()
            lines = collector.end(test) if collector is not None else None
        if lines is None:
            logger.warning("END %s: it was not started, and nothing is reported", test)
            return
        document = {"id": test, "executedLinesByFile": lines}
        try:
            send_document(self._data_socket, json.dumps(document, separators=(",", ":")).encode(), TIMEOUT_SECONDS)
            self._keploy_listens = True
        except OSError as error:
            if self._keploy_listens:
                self._keploy_listens = False
                logger.warning(
                    "Keploy does not listen on %s (%s): what tests execute is recorded all the same",
                    self._data_socket,
                    error.strerror or error,
                )
