"""Python processes of our own beside the server's.

``subprocess`` would do, but for gevent's: that forks as the application does, and with all that is to happen then.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import ServerError

# What makes Python processes measure themselves, and so would these.
_MEASURING = ("LIVECOVERAGE", "COV_CORE_", "COVERAGE_PROCESS_")

# Where this package is, which need not be on the path: one that is installed for development is found otherwise.
_INSTALLED = str(Path(__file__).parents[1])

# The server's working directory may have been removed, and then much cannot be imported: coverage.py, for one. The
# option -P keeps it off the path, too.
_ELSEWHERE = "import os; os.chdir('/')\n"


def start_python(program: str, standard_input: int) -> int:
    """Start a Python process that runs ``program``, and reads from a descriptor of ours; return its number.

    Its standard error is ours, and its output nobody's. Its working directory is the root. It is in a session of its
    own: Ctrl-C in the terminal is for the server. Raises OSError, ServerError.
    """
    python = _find_python()
    actions = [
        (os.POSIX_SPAWN_DUP2, standard_input, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_MEASURING)}
    command = [python, "-P", "-c", f"{_ELSEWHERE}{program}"]
    return os.posix_spawn(python, command, environ, file_actions=actions, setsid=True, setsigmask=[])


def search_path() -> list[str]:
    """The ``sys.path`` on which such a process finds what this one finds."""
    return [*sys.path, _INSTALLED]


def _find_python() -> str:
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
    raise ServerError(f"this needs the Python of this server in a process of its own, and there is none in {folder}")
