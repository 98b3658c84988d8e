"""``livecov run``: a server under coverage, a command that drives it, and nothing left behind."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from .errors import ConfigurationError, ServerError
from .server import listen
from .shutdown import GRACE_SECONDS

logger = logging.getLogger("flask_livecoverage")

URL_VARIABLE = "LIVECOVERAGE_URL"

# A little more than the server allows its own requests in flight.
_END_SECONDS = GRACE_SECONDS + 10
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.1

# Never through a proxy: the server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """A server that answers, and its process."""

    process: subprocess.Popen[bytes]
    url: str


class Failed(ServerError):
    """The server has said itself, on its standard error, why it did not start; ``exit_code`` is its exit status."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("")
        self.exit_code = exit_code


@contextmanager
def own_server(arguments: Sequence[str], environ: Mapping[str, str], timeout: float) -> Iterator[Server]:
    """``flask livecov serve`` with ``arguments`` in a process of its own, ended when the block is left.

    The server tells through a socket that it is ready; and ends by itself when the other end closes, so that it does
    not outlive us however we end. Raises ServerError if it does not answer within ``timeout`` seconds.
    """
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "flask", *arguments, "--control-fd", str(theirs.fileno())]
    with ours:
        with theirs:
            process = _start_server(command, environ, pass_fds=(theirs.fileno(),))
        with _ended(process):
            yield Server(process, _wait_for_message(process, ours, timeout))


def _wait_for_message(process: subprocess.Popen[bytes], ours: socket.socket, timeout: float) -> str:
    ours.settimeout(timeout)
    try:
        line = ours.makefile("rb").readline()
    except TimeoutError:
        raise ServerError(_too_slow(timeout)) from None
    if line:
        url: str = json.loads(line)["url"]
        return url
    status = process.wait()
    if status > 0:
        raise Failed(status)
    raise ServerError(f"the server {describe_status(status)} before it answered: start it alone with `livecov serve`")


@contextmanager
def foreign_server(
    command: str, host: str, port: int, status_path: str, environ: Mapping[str, str], timeout: float
) -> Iterator[Server]:
    """Another server's ``command``, with ``{host}`` and ``{port}`` filled in, ended when the block is left.

    Raises ServerError if it does not answer within ``timeout`` seconds, or is not measured.
    """
    with listen(host, port) as free:
        port = free.getsockname()[1]
    words = [word.replace("{host}", host).replace("{port}", str(port)) for word in shlex.split(command)]
    if not words:
        raise ConfigurationError(
            "--server is empty: give it a command, such as 'gunicorn --bind {host}:{port} app:app'"
        )
    process = _start_server(words, {**environ, "PORT": str(port)})
    with _ended(process):
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        _wait_for_answer(process, url, status_path, environ["LIVECOVERAGE_RUN"], timeout)
        yield Server(process, url)


def _wait_for_answer(process: subprocess.Popen[bytes], url: str, path: str, run_id: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            status = fetch_json(url + path)
        except NotMeasured:
            raise ServerError(
                f"the server answers at {url} but is not measured: let the application use LiveCoverage, or start "
                "`flask_livecoverage.wsgi:app` in its place"
            ) from None
        except OSError:
            status = None
        if status is not None:
            if status.get("run") != run_id:
                raise ServerError(f"another program answers at {url}: choose another port with --port")
            return
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise ServerError(_too_slow(timeout)) from None
        else:
            raise ServerError(
                f"the server {describe_status(process.returncode)} before it answered; see its output above"
            )


class NotMeasured(ServerError):
    """A server that answers, but has no control routes."""


def fetch_json(url: str, *, method: str = "GET") -> dict[str, Any]:
    """The JSON object at ``url``, a control route. Raises OSError if nobody answers, ServerError for another answer."""
    try:
        answer = json.loads(fetch(url, method=method))
    except ValueError:
        raise NotMeasured(f"{url} does not answer as live coverage does") from None
    if not isinstance(answer, dict):
        raise NotMeasured(f"{url} does not answer as live coverage does")
    return answer


def fetch(url: str, *, method: str = "GET") -> bytes:
    """What a control route answers. Raises OSError if nobody answers, ServerError if it refuses."""
    token = os.environ.get("LIVECOVERAGE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with _opener.open(urllib.request.Request(url, method=method, headers=headers), timeout=30) as response:
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        with error:
            reason = _reason(error.read())
        if reason is None:
            raise NotMeasured(f"{url} answers {error.code}: is live coverage active there?") from None
        raise ServerError(f"{url} answers {error.code}: {reason}") from None


def _reason(content: bytes) -> str | None:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return None


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
        raise ServerError(f"the command still ran after {timeout:g} seconds (--timeout) and was ended") from None
    except BaseException:
        end_tree(process)
        raise
    return status if status >= 0 else 128 - status


def _wait(process: subprocess.Popen[bytes], timeout: float | None) -> int:
    deadline = None if timeout is None else time.monotonic() + timeout
    interrupted = False
    while True:
        try:
            return process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
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
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        for member in family:
            try:
                member.send_signal(signal_number)
            except psutil.NoSuchProcess:
                continue
        _, family = psutil.wait_procs(family, timeout=_KILL_SECONDS)
    process.wait()


def describe_status(status: int) -> str:
    """How a process ended, for a message."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _start_server(command: Sequence[str], environ: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: the terminal's Ctrl-C is for the command, which still needs its server then.
        return subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL, start_new_session=True, **options)
    except OSError as error:
        raise ConfigurationError(f"cannot run the server's command {command[0]!r} ({error.strerror})") from None


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """At the block's end, end the server gracefully, and see to it that none of its processes is left."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("the server did not end within %.0f seconds and is killed", _END_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _too_slow(timeout: float) -> str:
    return (
        f"the server did not answer within {timeout:g} seconds: see its output above, or give it more with "
        "--startup-timeout"
    )
