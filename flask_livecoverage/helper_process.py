"""Starts Python helper processes of the server.

``subprocess`` is not used because gevent replaces it by one that forks as the application does, so that all hooks for
the application's forks run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import ServerError

# Prefixes of the variables that make Python processes measure themselves. Helpers are not measured, so they start
# without these variables.
_MEASURING = ("LIVECOVERAGE", "COV_CORE_", "COVERAGE_PROCESS_")

# The folder that contains this package. It may not be on the path, because an editable installation is found by other
# means.
_INSTALLED = str(Path(__file__).parents[1])

# The server's working directory may have been removed, and then many modules, such as coverage.py, cannot be imported.
# The option `-P` also keeps the working directory off `sys.path`.
_ELSEWHERE = "import os; os.chdir('/')\n"


def start_python(program: str, standard_input: int) -> int:
    """Start a Python process that runs ``program`` and reads ``standard_input``, a descriptor; return its process id.

    It inherits this process's standard error; its standard output is discarded. Its working directory is the root
    folder. It is in a session of its own: Ctrl-C in the terminal is for the server. Raises OSError, ServerError.
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
    """Return the ``sys.path`` on which a helper process finds the modules that this process finds."""
    return [*sys.path, _INSTALLED]


def _find_python() -> str:
    """Return the path of the Python that runs this process. It may be embedded in another program, such as uWSGI."""
    if os.path.basename(sys.executable or "").startswith("python"):
        return sys.executable
    version = sys.version_info
    for folder in (sys.exec_prefix, sys.base_exec_prefix):
        for name in (f"python{version.major}.{version.minor}", f"python{version.major}", "python"):
            path = os.path.join(folder, "bin", name)
            if os.access(path, os.X_OK):
                return path
    folder = f"{sys.exec_prefix}/bin"
    raise ServerError(f"no Python interpreter in {folder}, which a helper process of this server needs: install one")
