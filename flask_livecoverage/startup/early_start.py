"""Recording that starts before the application is imported, whoever imports it.

Flask's command imports the plugins of all installed packages before it runs a command of ours. An application that
brings one has been imported then, in part or as a whole. So a server's process starts with a ``sitecustomize`` of ours,
and one that was started without it is begun anew.
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

# The folder of a `sitecustomize` that starts recording.
_STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")

# The interpreter imports them before it measures anything; so it is under `coverage run`.
_NOT_APPLICATION = {"sitecustomize", "usercustomize"}
_NAMED = 3


def early_start_environ(environ: Mapping[str, str], *, once: bool = False) -> dict[str, str]:
    """``environ`` for processes that start recording before they import the application.

    Their own children do so too, unless it is for ``once``. Raises ConfigurationError if coverage.py's configuration
    cannot be used.
    """
    names = Sources(configured_sources(environ)).names
    folders = [_STARTUP, environ.get("PYTHONPATH")]
    early = {"PYTHONPATH": os.pathsep.join(filter(None, folders)), STARTUP_VARIABLE: ",".join(names)}
    return {**environ, **early, **({ONCE_VARIABLE: "1"} if once else {})}


def restart_if_late(keep: Iterable[int] = ()) -> str | None:
    """Begin this process anew if it has imported modules of the application that could not be measured.

    It stays the same process: its number, terminal, environment, working directory and the descriptors ``keep`` are
    as before. Returns a warning where modules were imported too early and it cannot be begun anew, else None. Raises
    ConfigurationError if coverage.py's configuration cannot be used.
    """
    begun_anew = os.environ.pop(ONCE_VARIABLE, None) is not None
    # First: coverage.py's plugins may be modules of the working directory, and are imported now.
    imported = sys.modules.keys() - _NOT_APPLICATION
    if current_recorder() is not None:
        return None
    late = Sources(configured_sources(os.environ)).measured_modules(filter(_can_start_early, imported))
    if not late:
        return None
    reason = "Python imports them when it starts" if begun_anew else _obstacle() or _begin_anew(keep)
    more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return (
        f"{', '.join(late[:_NAMED])}{more}: imported before recording could start, so lines that run at import are "
        f"missing ({reason}): `flask livecov run` starts in time"
    )


def _can_start_early(name: str) -> bool:
    # A script without a suffix is an installed command: that of Flask, say.
    return name != "__main__" or str(getattr(sys.modules[name], "__file__", "")).endswith(".py")


def _obstacle() -> str | None:
    """Why this process cannot be begun anew; None if it can."""
    if sys.flags.ignore_environment or sys.flags.no_site or not sys.executable:
        return "Python was told to ignore its environment"
    if not _is_own_command(sys.argv, sys.orig_argv):
        return "the command runs within another program"
    if _is_watched():
        return "a debugger or another tool watches this process"
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return "threads run that they have started"
    if psutil.Process().children():
        return "processes run that they have started"
    return None


def _is_own_command(argv: Sequence[str], interpreter_argv: Sequence[str]) -> bool:
    """Whether the process was started for ``livecov serve`` alone: by ``flask``, ``python -m flask`` or a script."""
    arguments = list(argv[1:])
    in_order = iter(arguments)
    return (
        all(word in in_order for word in ("livecov", "serve"))
        and list(interpreter_argv[-len(arguments) :]) == arguments
        # A program that is read from standard input is there but once.
        and argv[0] != "-"
        and threading.current_thread() is threading.main_thread()
    )


def _is_watched() -> bool:
    if sys.version_info >= (3, 12) and any(sys.monitoring.get_tool(number) for number in range(6)):
        return True
    return bool(sys.gettrace() or sys.getprofile())


def _begin_anew(keep: Iterable[int]) -> str:
    """Replace this process by a new one with the same command; return why not, if that fails."""
    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], early_start_environ(os.environ, once=True))
    except OSError as error:
        return f"it cannot be begun anew: {error.strerror}"
