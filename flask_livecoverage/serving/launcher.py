"""``livecov run``: a server under coverage, a command that drives it, and nothing left behind."""

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
from .external_server import Expected, died, wait_for_answer
from .readiness import Failed, wait_for_server
from .werkzeug_server import listen, url_of

logger = logging.getLogger("flask_livecoverage")


# A little more than the server allows its own requests in flight.
_END_SECONDS = GRACE_SECONDS + 10
KILL_SECONDS = 5.0
_ASK_SECONDS = 2.0
# A signal does not end a wait if it comes in the moment before that begins, or to another thread.
_LOOK_SECONDS = 1.0

# By default, uWSGI's SIGTERM means "reload". It also forks without telling Python, which we can do without: with
# UWSGI_PY_CALL_UWSGI_FORK_HOOKS, its --mount crashes.
_FOR_UWSGI = {"UWSGI_HOOK_MASTER_START": "unix_signal:15 gracefully_kill_them_all"}


@dataclass(frozen=True)
class Server:
    """A server that answers, and its process."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def own_server(arguments: Sequence[str], environ: Mapping[str, str], timeout: float) -> Iterator[Server]:
    """``flask livecov serve`` with ``arguments`` in a process of its own, ended when the block is left.

    Raises ServerError if it does not answer within ``timeout`` seconds, Failed if it has told the user why not.
    """
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "flask", *arguments, "--control-fd", str(theirs.fileno())]
    with ours:
        with theirs:
            process = _start_server(command, environ, pass_fds=(theirs.fileno(),))
        with _none_left(process):
            try:
                url = wait_for_server(ours, timeout)
            except TimeoutError:
                raise ServerError(_too_slow(timeout)) from None
            except Failed:
                # It has yet to print its message, and to put its things in order.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                raise
            if url is None:
                raise died(process.wait())
            with _ended(process):
                yield Server(process, url)


@contextmanager
def foreign_server(
    command: str, host: str, port: int, settings: Settings, environ: Mapping[str, str], timeout: float
) -> Iterator[Server]:
    """Another server's ``command``, with ``{host}`` and ``{port}`` filled in, ended when the block is left.

    Raises ServerError if it does not answer within ``timeout`` seconds, or is not measured.
    """
    words = _split(command)
    told_port = bool(port) or any("{port}" in word for word in words)
    with listen(host, port) as free:
        port = free.getsockname()[1]
    words = [word.replace("{host}", host).replace("{port}", str(port)) for word in words]
    process = _start_server(words, {**_FOR_UWSGI, **early_start_environ(environ), "PORT": str(port)})
    with _none_left(process):
        url = url_of(host, port)
        expected = Expected(process, url, f"{settings.url_prefix}/status", environ[RUN_VARIABLE], told_port)
        wait_for_answer(expected, timeout)
        with _ended(process):
            yield Server(process, url)
            # Many servers know no graceful end by a signal, and lose what they have not written.
            if settings.shutdown_url and _told_to_end(url + settings.shutdown_url):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)


def _told_to_end(url: str) -> bool:
    """Whether the server has been told to end; not, if it is gone, or all its workers are busy."""
    try:
        fetch(url, timeout=_ASK_SECONDS)
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
    """This process's environment without what Flask's command line has put there for itself.

    In a process that finds ``FLASK_RUN_FROM_CLI``, ``app.run()`` does nothing.
    """
    return {name: value for name, value in os.environ.items() if name != "FLASK_RUN_FROM_CLI"}


def run_command(command: Sequence[str], environ: Mapping[str, str], timeout: float | None) -> int:
    """Run ``command`` to its end and return its exit status, 128 + N when signal N killed it.

    Ctrl-C reaches it from the terminal and is left to it. Raises ServerError, and ends it with all that it started,
    when ``timeout`` seconds are over.
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
            f"the command still ran after {timeout:g} seconds (--timeout) and was ended; `flask livecov report` shows "
            "what it covered"
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
            return process.wait(max(0.0, min(left, _LOOK_SECONDS)))
        except subprocess.TimeoutExpired:
            if left <= _LOOK_SECONDS:
                raise
        except KeyboardInterrupt:
            # The terminal has sent it to the command too, which may have things to put in order. A second one is for
            # us.
            if interrupted:
                raise
            interrupted = True


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and all its descendants: asked first, killed after a few seconds."""
    try:
        root = psutil.Process(process.pid)
        # Listed before any ends: the children of a dead parent cannot be found any more.
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
    """Kill ``processes`` and their descendants; each is stopped before its children are listed, and starts no more."""
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
        # A session of its own: the terminal's Ctrl-C is for the command, which still needs its server then.
        return subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL, start_new_session=True, **options)
    except OSError as error:
        raise ConfigurationError(f"cannot run the server's command {command[0]!r} ({error.strerror})") from None


def _terminate(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Ask ``process`` to end, and kill it when ``timeout`` seconds are over; whether it ended by itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    return True


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """At the block's end, end the server gracefully."""
    try:
        yield
    finally:
        if not _terminate(process, _END_SECONDS):
            logger.warning("the server did not end within %.0f seconds and is killed", _END_SECONDS)


@contextmanager
def _none_left(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """At the block's end, see to it that none of the server's processes is left."""
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
        f"the server did not answer within {timeout:g} seconds: see its output above, or give it more with "
        "--startup-timeout"
    )
