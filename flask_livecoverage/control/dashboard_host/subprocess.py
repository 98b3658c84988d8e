"""A process of our own beside the server's, which ends when this one does."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from ...helper_process import search_path, start_python

_END_SECONDS = 2.0

# The process gets the listening socket through its standard input, then its path and what it is told, a line each. That
# the stream ends is how it learns that this process has ended, however that came about.
COMMAND = """# Flask-LiveCoverage: a server's dashboard
import json, os, socket, sys
# What a server has not kept from its children: its listening socket, say.
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
with socket.socket(fileno=0) as control:
    control.setblocking(True)
    _, (listener,), *_ = socket.recv_fds(control, 1, 1)
    with control.makefile() as lines:
        sys.path[:] = json.loads(lines.readline())
        told = json.loads(lines.readline())
    from flask_livecoverage.dashboard.main import main
    main(listener, told, control)
"""


class Child:
    """The dashboard's process, which serves on ``listener`` as ``config`` says. Raises OSError, ServerError."""

    def __init__(self, listener: socket.socket, config: Mapping[str, Any]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(self._control.close)
            self.pid = start_python(COMMAND, theirs.fileno())
            undo.pop_all()
        with suppress(BrokenPipeError):  # it has failed, and whoever asks it will see
            socket.send_fds(self._control, [b"\n"], [listener.fileno()])
            self._control.sendall(f"{json.dumps(search_path())}\n{json.dumps(config)}\n".encode())

    def end(self) -> None:
        """Let it end, and wait until it has."""
        with self._control as control, suppress(OSError):
            control.settimeout(_END_SECONDS)
            control.shutdown(socket.SHUT_WR)
            try:
                # It says nothing; its end is the end of the stream.
                control.recv(1)
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
        # An application may have told the system to forget its children.
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def forget(self) -> None:
        """Leave it to the process that started it: this one is a fork of that."""
        self._control.close()
