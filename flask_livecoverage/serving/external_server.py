"""Waits until an external server answers, or finds the reason why it does not."""

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
# How often to check where the server listens, and how long it may listen only at other addresses, because its main port
# may come last.
_CHECK_SECONDS = 1.0
_OTHER_ADDRESS_SECONDS = 5.0
_REQUEST_SECONDS = 2.0

_NO_PORT = "its command has no {port}, and --port was not given"


@dataclass(frozen=True)
class Expected:
    """A server that was started, the ``url`` and ``path`` at which it should answer, and the run that it should report.

    ``port_given`` is true if the server's command contains ``{port}``, or the user has chosen the port.
    """

    process: subprocess.Popen[bytes]
    url: str
    path: str
    run_id: str
    port_given: bool


def wait_for_answer(expected: Expected, timeout: float) -> None:
    """Wait until the server answers.

    Raises ServerError if it does not within ``timeout`` seconds, exits, or is not measured; ConfigurationError if it
    answers at another address.
    """
    addresses = _Addresses(expected)
    deadline = time.monotonic() + timeout
    while True:
        found = _run_at(expected.url, expected.path, max(_POLL_SECONDS, deadline - time.monotonic()))
        if found == expected.run_id:
            return
        if found is not None:
            raise ServerError(f"another program answers at {expected.url}: choose another port with --port")
        addresses.check()
        try:
            status = expected.process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise ServerError(_too_slow(expected, addresses.others, timeout)) from None
        else:
            raise early_exit(status)


def early_exit(status: int) -> ServerError:
    """The error for a server that ended with ``status`` before it answered."""
    return ServerError(f"the server {describe_status(status)} before it answered: see its output above")


def describe_status(status: int) -> str:
    """Describe how a process ended, for a message."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _run_at(url: str, path: str, timeout: float) -> str | None:
    """The run that the server at ``url`` records into; None if no server answers yet.

    Raises ServerError if the server that answers is not measured.
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


class _Addresses:
    """The addresses at which the server listens, ``others`` while none of them is the expected one."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._next_check = time.monotonic() + _CHECK_SECONDS
        self._others_since: float | None = None
        self.others: list[str] = []

    def check(self) -> None:
        """Check, at intervals, where the server listens. Raises ConfigurationError if it is at another address."""
        now = time.monotonic()
        if now < self._next_check:
            return
        urls = sorted(set(_listening(self._expected.process.pid)))
        self.others = [] if self._expected.url in urls else urls
        for url in self.others:
            if self._records_run(url):
                raise ConfigurationError(self._wrong_address(url))
        self._others_since = (self._others_since or now) if self.others else None
        if self._others_since is not None and not self._expected.port_given:
            self._check_time(now - self._others_since)
        self._next_check = time.monotonic() + _CHECK_SECONDS

    def _check_time(self, seconds: float) -> None:
        if seconds > _OTHER_ADDRESS_SECONDS:
            raise ConfigurationError(self._wrong_address(self.others[0]))

    def _records_run(self, url: str) -> bool:
        with suppress(ServerError):
            return _run_at(url, self._expected.path, _REQUEST_SECONDS) == self._expected.run_id
        return False

    def _wrong_address(self, url: str) -> str:
        port = url.rpartition(":")[2]
        reason = "" if self._expected.port_given else f" ({_NO_PORT})"
        return (
            f"the server listens on {url}, not on {self._expected.url}{reason}: write {{host}} and {{port}} into "
            f"--server in place of its own host and port, or add --port {port}"
        )


def _listening(pid: int) -> Iterator[str]:
    """The addresses at which a process and its descendants listen."""
    # psutil.Error: it has ended, or the system does not report connections.
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        family = {root.pid, *(child.pid for child in root.children(recursive=True))}
        for connection in psutil.net_connections("tcp"):
            if connection.pid in family and connection.status == psutil.CONN_LISTEN:
                yield url_of(*connection.laddr[:2])


def _too_slow(expected: Expected, others: list[str], timeout: float) -> str:
    where = f" (it listens on {', '.join(others)})" if others else ""
    if expected.port_given:
        advice = "see its output above, or allow more time with --startup-timeout"
    else:
        advice = f"{_NO_PORT}: write {{port}} into --server, or name the port that it listens on with --port"
    return f"the server did not answer at {expected.url} within {timeout:g} seconds{where}: {advice}"
