"""Starts and ends the dashboard process, which also ends when the server's process does."""

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

# The process gets the listening socket through its standard input, then its search path and its configuration, a line
# each. The end of the stream signals that the server's process has ended, for whatever reason.
COMMAND = """# Flask-LiveCoverage: a server's dashboard
import json, os, socket, sys
# Descriptors that the server let its subprocesses inherit: its listening socket, for example.
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
with socket.socket(fileno=0) as control:
    control.setblocking(True)
    _, (listener,), *_ = socket.recv_fds(control, 1, 1)
    with control.makefile() as lines:
        sys.path[:] = json.loads(lines.readline())
        config = json.loads(lines.readline())
    from flask_livecoverage.dashboard.main import main
    main(listener, config, control)
"""


class DashboardProcess:
    """The dashboard process, which serves on ``listener`` with ``config``. Raises OSError, ServerError."""

    def __init__(self, listener: socket.socket, config: Mapping[str, Any]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(self._control.close)
            self.pid = start_python(COMMAND, theirs.fileno())
            undo.pop_all()
        with suppress(BrokenPipeError):  # it has failed already, which the first request to it reports
            socket.send_fds(self._control, [b"\n"], [listener.fileno()])
            self._control.sendall(f"{json.dumps(search_path())}\n{json.dumps(config)}\n".encode())

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        with self._control as control, suppress(OSError):
            control.settimeout(_END_SECONDS)
            control.shutdown(socket.SHUT_WR)
            try:
                # It never sends anything, so this returns at the end of the stream, when the process ends.
                control.recv(1)
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
        # If the application ignores SIGCHLD, the system has discarded the exit status.
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def detach(self) -> None:
        """Leave the process to the parent that started it. Called in a fork of that parent."""
        self._control.close()
