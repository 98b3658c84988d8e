"""Starts and ends the processes of ``livecov run``: a measured server, and a command that drives it."""

from __future__ import annotations

import logging
import math
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from ..control.shutdown import GRACE_SECONDS
from ..control_client import fetch
from ..errors import ConfigurationError, ServerError
from ..settings import RUN_VARIABLE, Settings
from ..startup.early_start import early_start_environ
from .external_server import Expected, early_exit, wait_for_answer
from .readiness import StartupFailed, wait_for_server
from .werkzeug_server import listen, url_of

logger = logging.getLogger("flask_livecoverage")

# A little more than the server gives its own requests in flight.
_END_SECONDS = GRACE_SECONDS + 10
KILL_SECONDS = 5.0
_REQUEST_SECONDS = 2.0
# A signal does not interrupt a wait if it arrives just before the wait, or in another thread, so wait in short steps.
_WAIT_SECONDS = 1.0

# By default, SIGTERM makes uWSGI reload. It also forks without calling Python's fork hooks. That is left as it is,
# because with UWSGI_PY_CALL_UWSGI_FORK_HOOKS its --mount crashes, and recording works without the hooks.
_FOR_UWSGI = {"UWSGI_HOOK_MASTER_START": "unix_signal:15 gracefully_kill_them_all"}


@dataclass(frozen=True)
class ServerProcess:
    """The process of a server that answers, and its URL."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def managed_server(arguments: Sequence[str], environ: Mapping[str, str], timeout: float) -> Iterator[ServerProcess]:
    """Run ``flask livecov serve`` with ``arguments`` in a process of its own, which is ended with the block.

    Raises ServerError if it does not answer within ``timeout`` seconds, StartupFailed if it has reported the reason to
    the user.
    """
    connection, server_end = socket.socketpair()
    command = [sys.executable, "-m", "flask", *arguments, "--control-fd", str(server_end.fileno())]
    with connection:
        with server_end:
            process = _start_server(command, environ, pass_fds=(server_end.fileno(),))
        with _no_process_left(process):
            try:
                url = wait_for_server(connection, timeout)
            except TimeoutError:
                raise ServerError(_too_slow(timeout)) from None
            except StartupFailed:
                # The server still has to print its message and clean up.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                raise
            if url is None:
                raise early_exit(process.wait())
            with _graceful_end(process):
                yield ServerProcess(process, url)


@contextmanager
def external_server(
    command: str, host: str, port: int, settings: Settings, environ: Mapping[str, str], timeout: float
) -> Iterator[ServerProcess]:
    """Run the ``command`` of another server, with ``{host}`` and ``{port}`` filled in; it is ended with the block.

    Raises ServerError if it does not answer within ``timeout`` seconds, or is not measured.
    """
    words = _split(command)
    port_given = bool(port) or any("{port}" in word for word in words)
    with listen(host, port) as free:
        port = free.getsockname()[1]
    words = [word.replace("{host}", host).replace("{port}", str(port)) for word in words]
    process = _start_server(words, {**_FOR_UWSGI, **early_start_environ(environ), "PORT": str(port)})
    with _no_process_left(process):
        url = url_of(host, port)
        expected = Expected(process, url, f"{settings.url_prefix}/status", environ[RUN_VARIABLE], port_given)
        wait_for_answer(expected, timeout)
        with _graceful_end(process):
            yield ServerProcess(process, url)
            # Many servers do not end gracefully on a signal, and lose the data that they have not written.
            if settings.shutdown_url and _request_shutdown(url + settings.shutdown_url):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)


def _request_shutdown(url: str) -> bool:
    """Ask the server to shut down; return False if it has ended already, or all its workers are busy."""
    try:
        fetch(url, timeout=_REQUEST_SECONDS)
    except (OSError, ServerError):
        return False
    return True


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"--server cannot be read as a command ({error}): {command}") from None
    if not words:
        raise ConfigurationError(
            "--server is empty: give it a command, such as 'gunicorn --bind {host}:{port} app:app'"
        )
    return words


def inherited_environment() -> dict[str, str]:
    """This process's environment, without the variable that Flask's command line has set for itself.

    With ``FLASK_RUN_FROM_CLI`` in the environment, ``app.run()`` does nothing.
    """
    return {name: value for name, value in os.environ.items() if name != "FLASK_RUN_FROM_CLI"}


def run_command(command: Sequence[str], environ: Mapping[str, str], timeout: float | None) -> int:
    """Run ``command`` to its end and return its exit status, 128 + N if signal N killed it.

    The terminal sends Ctrl-C to the command, too, which decides what to do. Raises ServerError after ``timeout``
    seconds, and ends the command with all processes that it started.
    """
    try:
        process = subprocess.Popen(command, env=dict(environ))
    except OSError as error:
        raise ConfigurationError(f"cannot run {command[0]!r} ({error.strerror})") from None
    try:
        status = _wait(process, timeout)
    except subprocess.TimeoutExpired:
        end_tree(process)
        raise ServerError(
            f"the command was still running after {timeout:g} seconds (--timeout) and was ended; "
            "`flask livecov report` shows what it covered"
        ) from None
    except BaseException:
        end_tree(process)
        raise
    return status if status >= 0 else 128 - status


def _wait(process: subprocess.Popen[bytes], timeout: float | None) -> int:
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    interrupted = False
    while True:
        left = deadline - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, _WAIT_SECONDS)))
        except subprocess.TimeoutExpired:
            if left <= _WAIT_SECONDS:
                raise
        except KeyboardInterrupt:
            # The terminal has sent it to the command too, which may have to clean up. Only a second one ends the wait.
            if interrupted:
                raise
            interrupted = True


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and all its descendants: by SIGTERM first, by SIGKILL after a few seconds."""
    try:
        root = psutil.Process(process.pid)
        # Listed before any ends, because the children of a dead parent cannot be found.
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        process.wait()
        return
    for member in family:
        with suppress(psutil.Error):
            member.terminate()
    _, family = psutil.wait_procs(family, timeout=KILL_SECONDS)
    _kill(family)
    process.wait()


def _kill(processes: list[psutil.Process]) -> None:
    """Kill ``processes`` and their descendants; each is suspended first, so that it starts no more children."""
    found, waiting = [], list(processes)
    while waiting:
        member = waiting.pop()
        with suppress(psutil.Error):
            member.suspend()
            waiting += member.children()
            found.append(member)
    for member in found:
        with suppress(psutil.Error):
            member.kill()
    psutil.wait_procs(found, timeout=KILL_SECONDS)


def _start_server(command: Sequence[str], environ: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    try:
        # A session of its own, so the terminal's Ctrl-C goes to the command only, which still needs its server then.
        return subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL, start_new_session=True, **options)
    except OSError as error:
        raise ConfigurationError(f"cannot run the server's command {command[0]!r} ({error.strerror})") from None


def _terminate(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Terminate ``process``, and kill it after ``timeout`` seconds; return whether it ended without being killed."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    return True


@contextmanager
def _graceful_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the server gracefully at the block's end."""
    try:
        yield
    finally:
        if not _terminate(process, _END_SECONDS):
            logger.warning("the server did not end within %.0f seconds and is killed", _END_SECONDS)


@contextmanager
def _no_process_left(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End all processes of the server at the block's end."""
    try:
        yield
    finally:
        try:
            _terminate(process, KILL_SECONDS)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _too_slow(timeout: float) -> str:
    return (
        f"the server did not answer within {timeout:g} seconds: see its output above, or allow more time "
        "with --startup-timeout"
    )
