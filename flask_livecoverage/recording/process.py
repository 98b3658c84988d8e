"""The one recorder of this process. An interpreter can be measured once, however many applications it serves."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from ..engines import choose_engine
from ..errors import ConfigurationError
from ..journal.data_dir import DataDir
from ..journal.run_folder import new_run_id
from ..model.imports import loaded_module
from ..settings import PARENT_VARIABLE, RUN_VARIABLE, Settings, is_active, load_settings, resolved
from ..sources.selection import Sources, configured_sources
from . import context_propagation
from .best_effort import run_all
from .recorder import Recorder
from .run_origin import RunOrigin

logger = logging.getLogger("flask_livecoverage")

_recorder: Recorder | None = None
_fork_hooks_registered = False
# Re-entrant, because a signal handler may fork while the thread that it interrupts holds the lock.
_fork_lock = threading.RLock()
_uwsgi_hook_registered = False


def start_recording(settings: Settings) -> Recorder:
    """Return the process's recorder, started if none runs yet.

    The environment's ``LIVECOVERAGE_RUN`` names the run to join, ``LIVECOVERAGE_SOURCE`` (separated by commas) replaces
    coverage.py's ``source``. Raises ConfigurationError if a recorder with other settings runs, EngineError if no engine
    can measure here.
    """
    global _recorder
    # The application may have changed the working directory since.
    data_dir = os.path.abspath(settings.data_dir if _recorder is None else resolved(settings, _recorder.root).data_dir)
    if _recorder is not None:
        _check_agreement(_recorder, settings, data_dir)
        # Raises now if gevent has been imported since.
        _recorder.engine.start()
        # Recording may have started before any application's settings were known.
        session = _recorder.session
        session.autostart = session.autostart and settings.autostart
        _prepare_for_uwsgi(_recorder)
        return _recorder
    recorder = _make_recorder(settings, data_dir)
    origin = RunOrigin(recorder.run, recorder.root)
    recorder.at_rest.append(origin)
    recorder.at_stop.append(origin.stop)
    recorder.at_fork.append(origin.after_fork)
    recorder.start()
    context_propagation.install(recorder)
    _recorder = recorder
    os.environ[PARENT_VARIABLE] = recorder.run.id
    _register_fork_hooks()
    _prepare_for_uwsgi(recorder)
    atexit.register(_stop_at_exit)
    return recorder


def start_recording_if_active(folder: str | None = None) -> None:
    """Start the process's recorder if the environment asks for it.

    ``folder`` was the working directory when the process started: relative paths are relative to it, as under
    ``coverage run``, even if a server has changed to another directory since.
    """
    settings = load_settings({})
    if is_active(settings, {}):
        with _working_in(folder):
            start_recording(settings)


@contextmanager
def _working_in(folder: str | None) -> Iterator[None]:
    """Run a block with ``folder`` as the working directory, if it can be entered."""
    with ExitStack() as stack:
        with suppress(OSError):
            if folder is not None and not os.path.samefile(folder, os.curdir):
                # A descriptor, because the path may be inaccessible by now, if a server has dropped its privileges.
                before = os.open(os.curdir, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, before)
                os.chdir(folder)
                stack.callback(os.fchdir, before)
        yield


def stop_recording() -> str | None:
    """Stop the process's recorder, if it has one, and leave the interpreter as it was found.

    Returns a warning if records were lost that the journal does not count, because no report will name that loss.
    """
    global _recorder
    if _recorder is not None:
        recorder, _recorder = _recorder, None
        atexit.unregister(_stop_at_exit)
        os.environ.pop(PARENT_VARIABLE, None)
        run_all(context_propagation.uninstall, recorder.stop)
        return recorder.journal.losses.describe_unreported()
    return None


def _stop_at_exit() -> None:
    warning = stop_recording()
    if warning is not None:
        logger.error("%s", warning)


def current_recorder() -> Recorder | None:
    """The process's recorder, if it has one."""
    return _recorder


def _check_agreement(recorder: Recorder, settings: Settings, data_dir: str) -> None:
    running = str(recorder.run.path.parent.parent)
    if running != data_dir:
        raise ConfigurationError(
            f"LIVECOVERAGE_DATA_DIR is {data_dir}, but this process records into {running} already: give all its "
            "applications the same"
        )
    if settings.engine not in ("auto", recorder.engine.name):
        raise ConfigurationError(
            f"LIVECOVERAGE_ENGINE is {settings.engine}, but this process measures with {recorder.engine.name} already: "
            "set it in the environment, which is read before the application is imported"
        )


def _make_recorder(settings: Settings, data_dir: str) -> Recorder:
    sources = Sources(configured_sources(os.environ))
    if sources.unsupported_plugins:
        logger.warning(
            "coverage.py plugins that measure other files than Python's are left out: %s",
            ", ".join(sources.unsupported_plugins),
        )
    engine, reason = choose_engine(sources, settings.engine)
    run = DataDir(data_dir).run(os.environ.get(RUN_VARIABLE) or _run_of_parent() or new_run_id())
    return Recorder(engine, reason, sources=sources, run=run, root=os.getcwd(), autostart=settings.autostart)


def _run_of_parent() -> str | None:
    """Return the run of the process that started this one through :mod:`multiprocessing`, as its worker."""
    processes = loaded_module("multiprocessing.process")
    if processes is None:
        return None
    # While a worker imports its parent's main module, `parent_process` returns None still.
    is_worker = processes.parent_process() or getattr(processes.current_process(), "_inheriting", False)
    return os.environ.get(PARENT_VARIABLE) if is_worker else None


def _register_fork_hooks() -> None:
    """Pause the flushing thread around forks, because a fork copies only the current thread, and locks as they are."""
    global _fork_hooks_registered
    if not _fork_hooks_registered and hasattr(os, "register_at_fork"):
        _fork_hooks_registered = True
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


def _prepare_for_uwsgi(recorder: Recorder) -> None:
    """Handle uWSGI's forks, which call Python's fork hooks only with an option."""
    global _uwsgi_hook_registered
    # The module exists in uWSGI's processes alone, once their interpreter is ready.
    uwsgi = loaded_module("uwsgi")
    if uwsgi is None or _uwsgi_hook_registered or "py-call-uwsgi-fork-hooks" in uwsgi.opt:
        return
    _uwsgi_hook_registered = True
    # No thread at the fork, because in the child, the interpreter would still hold its frames, and fail on them.
    recorder.flusher.stop()
    try:
        postfork = importlib.import_module("uwsgidecorators").postfork
    except Exception:
        # Not installed, or there is no master. Then no module of the application can use it either, and replace our
        # hook.
        uwsgi.post_fork_hook = _after_uwsgi_fork
    else:
        postfork(_after_uwsgi_fork)


def _after_uwsgi_fork() -> None:
    # The first request starts the flushing thread.
    if _recorder is not None:
        _recorder.after_fork()
        _recorder.engine_can_stop = False


def _before_fork() -> None:
    # One fork at a time, because another thread must not fork while the hooks of this fork run.
    _fork_lock.acquire()
    if _recorder is not None:
        _recorder.flusher.pause()


def _after_fork_in_parent() -> None:
    try:
        if _recorder is not None:
            _recorder.resume_flushing()
    finally:
        _fork_lock.release()


def _after_fork_in_child() -> None:
    global _fork_lock
    _fork_lock = threading.RLock()
    if _recorder is not None:
        _recorder.after_fork()
        _recorder.resume_flushing()
        _flush_when_child_ends()


def _flush_when_child_ends() -> None:
    """Register a flush at the end of a child of :mod:`multiprocessing`, which runs no atexit functions."""
    # Not loaded in other forks.
    util = loaded_module("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_flush, lambda flush: util.Finalize(None, flush, exitpriority=-100))


def _flush() -> None:
    if _recorder is not None:
        _recorder.flush()
