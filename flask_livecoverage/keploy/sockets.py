"""The two Unix sockets between Keploy and an agent.

All agents of Keploy use them: its Go SDK (``keploy/go-sdk``, ``v3/keploy``), its Java SDK (``keploy/java-sdk``,
``KeployDedupAgent``) and its Python agent (``keploy/python-sdk``). The agent listens on the control socket; Keploy
connects once for each command. Keploy listens on the data socket; the agent connects once for each test, and the end of
the stream is the end of the document.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import ConfigurationError

# The paths in Keploy and all its agents; neither side has an option for other paths.
CONTROL_SOCKET = "/tmp/coverage_control.sock"
DATA_SOCKET = "/tmp/coverage_data.sock"

# Far longer than any id.
MAX_COMMAND = 4096
_BACKLOG = 128


class BadCommand(Exception):
    """Invalid input on the control socket; the message names the problem."""


@contextmanager
def listening(path: str) -> Iterator[socket.socket]:
    """A listening Unix socket at ``path``, whose file is removed at the end.

    The file of a dead agent is replaced. Raises ConfigurationError if the socket cannot be created.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            _remove_stale(path)
            listener.bind(path)
            own = os.lstat(path)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on the control socket {path} ({error.strerror or error}): choose another path with "
                "--control-socket"
            ) from None
        try:
            listener.listen(_BACKLOG)
            yield listener
        finally:
            _remove(path, own)


def _remove_stale(path: str) -> None:
    """Remove the socket at ``path`` if no process listens on it any more."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigurationError(
            f"the control socket {path} is a file that is not a socket: remove it, or choose another path with "
            "--control-socket"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0)
        try:
            client.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # a live agent, whose backlog is full
    raise ConfigurationError(
        f"another agent listens on the control socket {path}: stop it, or choose another path with --control-socket"
    )


def _remove(path: str, own: os.stat_result) -> None:
    with suppress(OSError):
        # Another agent may have taken the path since, and its file is kept.
        if os.path.samestat(os.lstat(path), own):
            os.unlink(path)


def read_command(connection: socket.socket, timeout: float) -> str:
    """The line that Keploy sends, without its end; empty if the connection closes first.

    Raises BadCommand for anything but a line of UTF-8 text, TimeoutError if it is not complete within ``timeout``
    seconds.
    """
    deadline = time.monotonic() + timeout
    data = b""
    while b"\n" not in data:
        if len(data) > MAX_COMMAND:
            raise BadCommand(f"no end of line within {MAX_COMMAND} bytes")
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(MAX_COMMAND)
        if not part:
            if data:
                raise BadCommand(f"no end of line after {_shown(data)}")
            return ""
        data += part
        if time.monotonic() > deadline:
            raise TimeoutError
    line = data.partition(b"\n")[0]
    try:
        return line.decode().strip()
    except UnicodeDecodeError:
        raise BadCommand(f"not UTF-8 text: {_shown(line)}") from None


def _shown(data: bytes) -> str:
    return repr(data[:60])[1:]


def send_document(path: str, document: bytes, timeout: float) -> None:
    """Send one document to the data socket. Raises OSError if no process receives it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(document)
