"""Waits until a server that another program's command has started answers, and finds out why it does not."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

from ..control_client import NotMeasured, fetch_json
from ..errors import ConfigurationError, ServerError
from .werkzeug_server import url_of

_POLL_SECONDS = 0.1
# How often to look where the server listens, and how long it may listen elsewhere alone: its main port may come last.
_LOOK_SECONDS = 1.0
_ELSEWHERE_SECONDS = 5.0
_ASK_SECONDS = 2.0


@dataclass(frozen=True)
class Expected:
    """A server that was started, the ``url`` and ``path`` at which it should answer, and the run that it should name.

    ``told_port`` is whether its command, or the user, names the port.
    """

    process: subprocess.Popen[bytes]
    url: str
    path: str
    run_id: str
    told_port: bool


def wait_for_answer(expected: Expected, timeout: float) -> None:
    """Wait until the server answers.

    Raises ServerError if it does not within ``timeout`` seconds, dies, or is not measured; ConfigurationError if it
    answers at another address.
    """
    places = _Places(expected)
    deadline = time.monotonic() + timeout
    while True:
        found = _run_at(expected.url, expected.path, max(_POLL_SECONDS, deadline - time.monotonic()))
        if found == expected.run_id:
            return
        if found is not None:
            raise ServerError(f"another program answers at {expected.url}: choose another port with --port")
        places.look()
        try:
            status = expected.process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise ServerError(_too_slow(expected, places.elsewhere, timeout)) from None
        else:
            raise died(status)


def died(status: int) -> ServerError:
    """The error for a server that ended with ``status`` before it answered."""
    return ServerError(f"the server {describe_status(status)} before it answered: see its output above")


def describe_status(status: int) -> str:
    """How a process ended, for a message."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _run_at(url: str, path: str, timeout: float) -> str | None:
    """The run that the server at ``url`` records into; None if nobody answers yet.

    Raises ServerError if what answers cannot be measured.
    """
    try:
        status = fetch_json(url + path, timeout=timeout)
    except NotMeasured:
        raise ServerError(
            f"the server answers at {url} but is not measured: for a Flask application, let it use LiveCoverage or "
            "start `flask_livecoverage.wsgi:app` in its place; for any other WSGI application, return it through "
            "`flask_livecoverage.measured.measured_application`"
        ) from None
    except OSError:
        return None
    if status.get("fault"):
        raise ServerError(f"the server at {url} cannot be measured: {status['fault']}")
    return str(status.get("run"))


class _Places:
    """Where the server listens, as long as that is not where it was expected."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._since: float | None = None
        self.elsewhere: list[str] = []

    def look(self) -> None:
        """Look, once in a while. Raises ConfigurationError if the server is at another address."""
        now = time.monotonic()
        if now < self._next_look:
            return
        urls = sorted(set(_listening(self._expected.process.pid)))
        self.elsewhere = [] if self._expected.url in urls else urls
        for url in self.elsewhere:
            if self._is_ours(url):
                raise ConfigurationError(self._wrong_address(url))
        self._since = (self._since or now) if self.elsewhere else None
        if self._since is not None and not self._expected.told_port and now - self._since > _ELSEWHERE_SECONDS:
            raise ConfigurationError(self._wrong_address(self.elsewhere[0]))
        self._next_look = time.monotonic() + _LOOK_SECONDS

    def _is_ours(self, url: str) -> bool:
        with suppress(ServerError):
            return _run_at(url, self._expected.path, _ASK_SECONDS) == self._expected.run_id
        return False

    def _wrong_address(self, url: str) -> str:
        port = url.rpartition(":")[2]
        lacks = "" if self._expected.told_port else ", for its command has no {port}, and no --port was given"
        return (
            f"the server listens on {url}, and {self._expected.url} was asked{lacks}: write {{host}} and {{port}} into "
            f"--server where its own stand, or add --port {port}"
        )


def _listening(pid: int) -> Iterator[str]:
    """The addresses at which a process and its descendants listen."""
    # psutil.Error: it has ended, or the system does not tell.
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        family = {root.pid, *(child.pid for child in root.children(recursive=True))}
        for connection in psutil.net_connections("tcp"):
            if connection.pid in family and connection.status == psutil.CONN_LISTEN:
                yield url_of(*connection.laddr[:2])


def _too_slow(expected: Expected, elsewhere: list[str], timeout: float) -> str:
    where = f" (it listens on {', '.join(elsewhere)})" if elsewhere else ""
    if expected.told_port:
        advice = "see its output above, or give it more with --startup-timeout"
    else:
        advice = (
            "its command has no {port}, and no --port was given: write {port} into --server, or name the port that it "
            "listens on with --port"
        )
    return f"the server did not answer at {expected.url} within {timeout:g} seconds{where}: {advice}"
