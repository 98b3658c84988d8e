"""Relays requests for pages from the measured server to the dashboard process, and starts that process."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

from werkzeug import Request, Response

from ...errors import ServerError
from ...recording.recorder import Recorder
from ...settings import Settings
from ..parameters import BadParameters
from .dashboard_process import DashboardProcess
from .server_state import STATE_HEADER, ServerState

# Much longer than any page takes.
_ANSWER_SECONDS = 60.0

# The limit of Python's HTTP server for the request line, less the rest of that line.
_MAX_TARGET = 63 << 10

_KEPT_HEADERS = {"content-type", "refresh"}
# Characters with a meaning in a query, and those that need no quoting there (RFC 3986, 3.4).
_IN_QUERIES = "%=&+/?:@!$'()*,;"


class Relay:
    """The connection to the dashboard process, which is started for the first page requested."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self._recorder = recorder
        self._settings = settings
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._folder = ""
        self._process: DashboardProcess | None = None
        recorder.at_stop.append(self.close)

    def answer(self, request: Request, state: ServerState) -> Response:
        """Return the dashboard's response to ``request``. Raises ServerError if it does not answer, BadParameters."""
        began = time.perf_counter()
        # Quoted again: a valid request target, whatever bytes the client sent.
        target = quote(request.environ.get("PATH_INFO", "").encode("latin-1"))
        if request.query_string:
            target += f"?{quote(request.query_string, _IN_QUERIES)}"
        if len(target) > _MAX_TARGET:
            raise BadParameters(f"the address is too long: use less than {_MAX_TARGET >> 10} KB", [], 414)
        response = self._request(target, {STATE_HEADER: json.dumps(state.to_object())})
        # The time that a thread of the server waited; the page's script uses it to limit how often it requests pages.
        response.headers["Server-Timing"] = f"page;dur={1000 * (time.perf_counter() - began):.1f}"
        return response

    def close(self) -> None:
        """End the process, if one runs."""
        with self._lock:
            if self._process is not None and self._owner == os.getpid():
                self._end(self._process)

    def _request(self, target: str, headers: Mapping[str, str]) -> Response:
        self._recorder.flush()
        for is_last in (False, True):
            process, path = self._running()
            try:
                return _get(path, target, headers)
            except (OSError, http.client.HTTPException) as error:
                # It may have ended just now, because it was idle for long.
                self._discard(process)
                if is_last:
                    raise ServerError(
                        f"the dashboard process does not answer ({error}): see the server's output"
                    ) from error
        raise AssertionError

    def _running(self) -> tuple[DashboardProcess, str]:
        """Return the running process, started if there is none, and the path of its socket."""
        if self._owner != os.getpid():
            # A fork, without the thread that may have held the lock.
            self._owner, self._lock = os.getpid(), threading.Lock()
            if self._process is not None:
                self._process.detach()
                self._process = None
        with self._lock:
            if self._process is None:
                self._process = self._start()
            return self._process, f"{self._folder}/socket"

    def _discard(self, process: DashboardProcess) -> None:
        """End ``process``, so that the next request starts another one."""
        with self._lock:
            if self._process is process:
                self._end(process)

    def _start(self) -> DashboardProcess:
        # Only this user's processes can access the folder.
        self._folder = tempfile.mkdtemp(prefix="livecov-")
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"{self._folder}/socket")
                listener.listen()
                return DashboardProcess(
                    listener,
                    {
                        # coverage.py searches its configuration there.
                        "folder": self._recorder.root,
                        "run": str(self._recorder.run.path),
                        "store": self._settings.store,
                        "url_prefix": self._settings.url_prefix,
                        "source_files": self._recorder.sources.possible_files(),
                        "affected_ignore": self._settings.affected_ignore,
                    },
                )
        except (OSError, NotImplementedError, ServerError) as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServerError(f"the dashboard process cannot be started: {error}") from error

    def _end(self, process: DashboardProcess) -> None:
        process.end()
        self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _get(path: str, target: str, headers: Mapping[str, str]) -> Response:
    with closing(_Connection(path)) as connection:
        connection.request("GET", target, headers=dict(headers))
        with connection.getresponse() as answer:
            kept = {name: value for name, value in answer.getheaders() if name.lower() in _KEPT_HEADERS}
            return Response(answer.read(), answer.status, kept)
