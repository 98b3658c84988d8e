"""Starts recording in a server's processes, right before the application is imported.

``livecov run`` puts this folder in front of ``PYTHONPATH``, so every Python process that the server's command starts
runs this file first. It has no other effect: another ``sitecustomize`` still runs, the application imports that one
as ``sitecustomize``, and this folder is removed from ``sys.path``. With ``--server``, it stays in ``PYTHONPATH``, for
the processes that the server itself starts: the reloader's, or those of a server that replaces itself. The server of
``livecov run`` itself is one process, and removes it.

Recording starts as late as possible. A server's master imports no application, and a process that imports none has
nothing to record: it costs only this small file, and writes no journal. gunicorn's worker imports the application after
gevent has replaced the threads, so the recorder's thread is of the right kind, and on Python 3.11 the engine refuses
greenlets at once.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all of this file
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Set by `livecov run`: the packages and folders that are measured although they are installed.
_SOURCES = [name for name in os.environ.get("LIVECOVERAGE_STARTUP", "").split(",") if name]
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_STANDARD_LIBRARY = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
try:
    # A server may change it, as gunicorn does for --chdir.
    _STARTED_IN: str | None = os.getcwd()
except OSError:
    _STARTED_IN = None
_NOT_APPLICATION = {"flask_livecoverage", "sitecustomize", "usercustomize"}
# These servers execute the file that `--wsgi-file` names, without an import.
_EMBEDDING = {"uwsgi", "pyuwsgi"}


def _is_application(path: str) -> bool:
    """True if the file or folder at ``path`` may be measured; coverage.py, not loaded yet, decides later."""
    path = os.path.abspath(path)
    if any(path.startswith(os.path.join(folder, "")) for folder in _SOURCES if os.path.isabs(folder)):
        return True
    return not (path.startswith(_STANDARD_LIBRARY) or any(name in path for name in _INSTALLED))


def _runs_application() -> bool:
    """True if this process executes, without an import, a file of the application or a server that does so."""
    script = sys.argv[0] if sys.argv else ""
    names = {os.path.basename(script), os.path.basename(sys.executable or "")}
    return bool(names & _EMBEDDING) or (script.endswith(".py") and _is_application(script))


def _loads_plugins() -> bool:
    """True while coverage.py's plugins are imported, some of which may be in the application's folder."""
    return getattr(sys.modules.get("flask_livecoverage.sources.coveragepy"), "loading_plugins", False)


class _ImportWatch:
    """A finder that is first on ``sys.meta_path`` and starts recording at the first import of application code."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing, because the next finder does."""
        # A package's modules come after the package, which has been checked.
        is_checked = path is None and name not in sys.stdlib_module_names and name not in _NOT_APPLICATION
        if is_checked and not _loads_plugins() and (name in _SOURCES or self._finds_application(name)):
            self._end()
        return None

    def _finds_application(self, name: str) -> bool:
        for finder in sys.meta_path:
            find_spec: Any = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec and find_spec(name, None)
            if spec is not None:
                paths = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
                return any(map(_is_application, filter(None, paths)))
        return False

    def _end(self) -> None:
        # Another thread may have ended it meanwhile.
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            _start_recording()


def _start_recording() -> None:
    try:
        from flask_livecoverage.recording.process import start_recording_if_active

        start_recording_if_active(_STARTED_IN)
        if "LIVECOVERAGE_TEMPORARY_DATABASE" in os.environ:
            from flask_livecoverage.startup import database_guard

            database_guard.install()
    except Exception as error:
        # The application runs on. If it cannot be measured, the extension reports that.
        if sys.stderr is not None:
            sys.stderr.write(f"Flask-LiveCoverage: start-up is not measured: {error}\n")


def _remove_from_environment() -> None:
    """Restore the environment, because this process's children are no processes of the server."""
    del os.environ["LIVECOVERAGE_STARTUP"]
    folders = os.environ["PYTHONPATH"].split(os.pathsep)
    if os.path.abspath(folders[0]) == _FOLDER:
        del folders[0]
    if folders:
        os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    else:
        del os.environ["PYTHONPATH"]


def _run_other_sitecustomize() -> None:
    """Import the ``sitecustomize`` that this one hides, if any."""
    own = sys.modules.pop("sitecustomize")
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _FOLDER]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        # The import of `sitecustomize` that runs this file continues with the module found there.
        sys.modules["sitecustomize"] = own


if "LIVECOVERAGE_STARTUP" in os.environ:
    if _runs_application():
        _start_recording()
    else:
        sys.meta_path.insert(0, _ImportWatch())
    if "LIVECOVERAGE_STARTUP_ONCE" in os.environ:
        _remove_from_environment()
_run_other_sitecustomize()
