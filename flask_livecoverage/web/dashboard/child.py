"""A process of our own beside the server's, which ends when this one does.

``subprocess`` would do, but for gevent's: that forks as the application does, and with all that is to happen then.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import ServerError

_END_SECONDS = 2.0

# What makes Python processes measure themselves, and so would this one.
_MEASURING = ("LIVECOVERAGE", "COV_CORE_", "COVERAGE_PROCESS_")

# Where this package is, which need not be on the path: one that is installed for development is found otherwise.
_INSTALLED = str(Path(__file__).parents[3])

# The process gets the listening socket through its standard input, then its path and what it is told, a line each. That
# the stream ends is how it learns that this process has ended, however that came about.
_COMMAND = """# Flask-LiveCoverage: a server's dashboard
import json, os, socket, sys
# What a server has not kept from its children: its listening socket, say.
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
with socket.socket(fileno=0) as control:
    control.setblocking(True)
    _, (listener,), *_ = socket.recv_fds(control, 1, 1)
    with control.makefile() as lines:
        sys.path[:] = json.loads(lines.readline())
        told = json.loads(lines.readline())
    from flask_livecoverage.web.dashboard.process import main
    main(listener, told, control)
"""


class Child:
    """The dashboard's process, which serves on ``listener`` as ``config`` says. Raises OSError, ServerError."""

    def __init__(self, listener: socket.socket, config: Mapping[str, Any]) -> None:
        program = _interpreter()
        self._control, theirs = socket.socketpair()
        with theirs:
            actions = [
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            ]
            environ = {name: value for name, value in os.environ.items() if not name.startswith(_MEASURING)}
            # In a session of its own: Ctrl-C in the terminal is for the server.
            self.pid = os.posix_spawn(
                program, [program, "-c", _COMMAND], environ, file_actions=actions, setsid=True, setsigmask=[]
            )
        with suppress(BrokenPipeError):  # it has failed, and whoever asks it will see
            socket.send_fds(self._control, [b"\n"], [listener.fileno()])
            self._control.sendall(f"{json.dumps([*sys.path, _INSTALLED])}\n{json.dumps(config)}\n".encode())

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


def _interpreter() -> str:
    """The Python that runs this process, which may be inside of another program: uWSGI, say."""
    if os.path.basename(sys.executable or "").startswith("python"):
        return sys.executable
    version = sys.version_info
    for folder in (sys.exec_prefix, sys.base_exec_prefix):
        for name in (f"python{version.major}.{version.minor}", f"python{version.major}", "python"):
            path = os.path.join(folder, "bin", name)
            if os.access(path, os.X_OK):
                return path
    folder = f"{sys.exec_prefix}/bin"
    raise ServerError(
        f"the dashboard needs the Python of this server in a process of its own, and there is none in {folder}"
    )
