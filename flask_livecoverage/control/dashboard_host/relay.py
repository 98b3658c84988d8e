"""The measured server's side: hands requests for pages over to the dashboard's process, and starts that."""

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
from .subprocess import Child
from .urls import STATE_HEADER, ServerState

# Far longer than any page takes.
_ANSWER_SECONDS = 60.0

# What Python's HTTP server takes, less the rest of the line.
_LONGEST_TARGET = 63 << 10

_KEPT_HEADERS = {"content-type", "refresh"}
# Those that mean something in a query, and those that need no quoting there (RFC 3986, 3.4).
_IN_QUERIES = "%=&+/?:@!$'()*,;"


class Relay:
    """The dashboard's process, started when the first page is asked for."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self._recorder = recorder
        self._settings = settings
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._folder = ""
        self._child: Child | None = None
        recorder.at_stop.append(self.close)

    def answer(self, request: Request, state: ServerState) -> Response:
        """The dashboard's answer to ``request``. Raises ServerError if there can be none, BadParameters."""
        began = time.perf_counter()
        # Whatever bytes a client sends, these are an address.
        target = quote(request.environ.get("PATH_INFO", "").encode("latin-1"))
        if request.query_string:
            target += f"?{quote(request.query_string, _IN_QUERIES)}"
        if len(target) > _LONGEST_TARGET:
            raise BadParameters(f"the address is too long: use less than {_LONGEST_TARGET >> 10} KB", [], 414)
        response = self._ask(target, {STATE_HEADER: json.dumps(state.to_object())})
        # So long did a thread of the server wait, and the page's script is to see that this happens seldom.
        response.headers["Server-Timing"] = f"page;dur={1000 * (time.perf_counter() - began):.1f}"
        return response

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            if self._child is not None and self._owner == os.getpid():
                self._end(self._child)

    def _ask(self, target: str, headers: Mapping[str, str]) -> Response:
        self._recorder.flush()
        for is_last in (False, True):
            child, path = self._running()
            try:
                return _get(path, target, headers)
            except (OSError, http.client.HTTPException) as error:
                # It may have ended just now, after it was idle for long.
                self._give_up(child)
                if is_last:
                    raise ServerError(
                        f"the dashboard's process does not answer ({error}): the server's output says why"
                    ) from error
        raise AssertionError

    def _running(self) -> tuple[Child, str]:
        """A process that runs, started if none does, and the address of its socket."""
        if self._owner != os.getpid():
            # A fork, without the thread that may have held the lock.
            self._owner, self._lock = os.getpid(), threading.Lock()
            if self._child is not None:
                self._child.forget()
                self._child = None
        with self._lock:
            if self._child is None:
                self._child = self._start()
            return self._child, f"{self._folder}/socket"

    def _give_up(self, child: Child) -> None:
        """Let the next request start another process than this one."""
        with self._lock:
            if self._child is child:
                self._end(child)

    def _start(self) -> Child:
        # Only this user's processes may enter it.
        self._folder = tempfile.mkdtemp(prefix="livecov-")
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"{self._folder}/socket")
                listener.listen()
                return Child(
                    listener,
                    {
                        # coverage.py's configuration is looked for there.
                        "folder": self._recorder.root,
                        "run": str(self._recorder.run.path),
                        "store": self._settings.store,
                        "url_prefix": self._settings.url_prefix,
                        "source_files": self._recorder.sources.possible_files(),
                    },
                )
        except (OSError, NotImplementedError, ServerError) as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServerError(f"the dashboard's process cannot be started: {error}") from error

    def _end(self, child: Child) -> None:
        child.end()
        self._child = None
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
