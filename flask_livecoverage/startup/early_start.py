"""Starts recording before the application is imported, no matter what imports it.

The ``flask`` command imports the plugins of all installed packages before it runs a ``livecov`` command. An application
that provides such a plugin has been imported by then, in part or as a whole. So a server's process starts with this
package's ``sitecustomize``, and a process that was started without it is restarted.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence

import psutil

from ..recording.process import current_recorder
from ..settings import ONCE_VARIABLE, STARTUP_VARIABLE
from ..sources.selection import Sources, configured_sources

# The folder of the `sitecustomize` that starts recording.
_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")

# The interpreter imports them before anything can be measured, under `coverage run` too.
_NOT_APPLICATION = {"sitecustomize", "usercustomize"}
_MAX_NAMED = 3


def early_start_environ(environ: Mapping[str, str], *, once: bool = False) -> dict[str, str]:
    """Return ``environ`` for processes that start recording before they import the application.

    Their own children do so too, unless ``once`` is true. Raises ConfigurationError if coverage.py's configuration
    cannot be used.
    """
    names = Sources(configured_sources(environ)).names
    folders = [_SITE, environ.get("PYTHONPATH")]
    early = {"PYTHONPATH": os.pathsep.join(filter(None, folders)), STARTUP_VARIABLE: ",".join(names)}
    return {**environ, **early, **({ONCE_VARIABLE: "1"} if once else {})}


def restart_if_late(keep: Iterable[int] = ()) -> str | None:
    """Restart this process if it has imported modules of the application that could not be measured.

    It stays the same process: its id, terminal, environment, working directory and the descriptors ``keep`` are
    preserved. Returns a warning if modules were imported too early and a restart is impossible, else None. Raises
    ConfigurationError if coverage.py's configuration cannot be used.
    """
    is_restarted = os.environ.pop(ONCE_VARIABLE, None) is not None
    # Before the configuration is read, because that imports coverage.py's plugins, which may be in the working
    # directory.
    imported = sys.modules.keys() - _NOT_APPLICATION
    if current_recorder() is not None:
        return None
    late = Sources(configured_sources(os.environ)).measured_modules(filter(_can_start_early, imported))
    if not late:
        return None
    reason = "Python imports them when it starts" if is_restarted else _restart_obstacle() or _restart(keep)
    more = f" and {len(late) - _MAX_NAMED} more" if len(late) > _MAX_NAMED else ""
    return (
        f"{', '.join(late[:_MAX_NAMED])}{more}: imported before recording could start, so lines that run at import "
        f"are missing ({reason}): use `flask livecov run`, which starts recording in time"
    )


def _can_start_early(name: str) -> bool:
    # A script without a suffix is an installed command, such as ``flask``.
    return name != "__main__" or str(getattr(sys.modules[name], "__file__", "")).endswith(".py")


def _restart_obstacle() -> str | None:
    """Return the reason why this process cannot be restarted; None if it can."""
    if sys.flags.ignore_environment or sys.flags.no_site or not sys.executable:
        return "an option makes Python ignore its environment"
    if not _is_own_command(sys.argv, sys.orig_argv):
        return "the command runs within another program"
    if _is_watched():
        return "a debugger or another tool watches this process"
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return "they have started threads"
    if psutil.Process().children():
        return "they have started processes"
    return None


def _is_own_command(argv: Sequence[str], interpreter_argv: Sequence[str]) -> bool:
    """True if the process was started only for ``livecov serve``: by ``flask``, ``python -m flask`` or a script."""
    arguments = list(argv[1:])
    in_order = iter(arguments)
    return (
        all(word in in_order for word in ("livecov", "serve"))
        and list(interpreter_argv[-len(arguments) :]) == arguments
        # A program on standard input can be read only once.
        and argv[0] != "-"
        and threading.current_thread() is threading.main_thread()
    )


def _is_watched() -> bool:
    if sys.version_info >= (3, 12) and any(sys.monitoring.get_tool(number) for number in range(6)):
        return True
    return bool(sys.gettrace() or sys.getprofile())


def _restart(keep: Iterable[int]) -> str:
    """Replace this process by a new one with the same command; return the reason if that fails."""
    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], early_start_environ(os.environ, once=True))
    except OSError as error:
        return f"the process cannot be restarted: {error.strerror}"
