"""The measured server's side: hands requests for pages over to the dashboard's process, and starts that."""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from werkzeug import Request, Response

from ...errors import ServerError
from ...recorder import Recorder
from ...settings import Settings
from .routes import STATE_HEADER, ServerState

# Far longer than any page takes.
_ANSWER_SECONDS = 60.0
_END_SECONDS = 2.0
_POLL_SECONDS = 0.25
_CHUNK = 1 << 16

# What makes Python processes measure themselves, and so would the dashboard's.
_MEASURING = ("LIVECOVERAGE", "COV_CORE_", "COVERAGE_PROCESS_")

_COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from flask_livecoverage.web.dashboard.process import main; main()"
)


class Relay:
    """The dashboard's process, started when the first page is asked for."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self._recorder = recorder
        self._settings = settings
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._folder: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        recorder.at_stop.append(self.close)

    def answer(self, request: Request, state: ServerState, is_ending: Callable[[], bool]) -> Response:
        """The dashboard's answer to ``request``. Raises ServerError if there can be none.

        :param is_ending: tells whether the server is about to end, and a stream with it.
        """
        path = request.environ.get("PATH_INFO", "").encode("latin-1")
        target = _quoted(path) + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")
        headers = {STATE_HEADER: json.dumps(state.to_object())}
        if "Last-Event-ID" in request.headers:
            headers["Last-Event-ID"] = request.headers["Last-Event-ID"]
        answer = self._ask(target, headers)
        kept = {name: value for name, value in answer.getheaders() if name.lower() in _KEPT_HEADERS}
        if answer.getheader("Content-Type", "").startswith("text/event-stream"):
            return Response(self._stream(answer, is_ending), answer.status, kept)
        with answer:
            return Response(answer.read(), answer.status, kept)

    def close(self) -> None:
        """End the process, if there is one, and with it the streams of events."""
        with self._lock:
            if self._process is not None and self._owner == os.getpid():
                self._end(self._process)
            self._process = None

    def _stream(self, answer: http.client.HTTPResponse, is_ending: Callable[[], bool]) -> Iterator[bytes]:
        # What has come with the head; the process begins each stream with something.
        with answer, suppress(OSError, http.client.HTTPException):
            chunk = answer.read1(_CHUNK)
            while chunk:
                yield chunk
                while not select.select([answer], [], [], _POLL_SECONDS)[0]:
                    if is_ending():
                        return
                chunk = answer.read1(_CHUNK)

    def _ask(self, target: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        self._recorder.flush()
        for is_last in (False, True):
            process, path = self._running()
            connection = _Connection(path)
            try:
                connection.request("GET", target, headers=dict(headers))
                return connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # It may have ended just now, after it was idle for long.
                self._give_up(process)
                if is_last:
                    raise ServerError(
                        f"the dashboard's process does not answer ({error}): the server's output says why"
                    ) from error
        raise AssertionError

    def _running(self) -> tuple[subprocess.Popen[bytes], str]:
        """A process that runs, started if none does, and its address."""
        with self._lock:
            if self._owner != os.getpid():
                # That one is the parent's.
                self._owner, self._process, self._folder = os.getpid(), None, None
            if self._process is None:
                self._process = self._start()
            return self._process, f"{self._folder}/socket"

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        """Let the next request start another process than this one."""
        with self._lock:
            if self._process is process:
                self._end(process)
                self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        # Only this user's processes may enter it.
        self._folder = tempfile.mkdtemp(prefix="livecov-")
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"{self._folder}/socket")
                listener.listen()
                process = subprocess.Popen(
                    [_interpreter(), "-c", _COMMAND, str(listener.fileno())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[listener.fileno()],
                    # coverage.py's configuration is looked for there.
                    cwd=self._recorder.root,
                    env={name: value for name, value in os.environ.items() if not name.startswith(_MEASURING)},
                    # Ctrl-C in the terminal is for the server; this one ends with it.
                    start_new_session=True,
                )
            self._tell(process)
            return process
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServerError(f"the dashboard's process cannot be started ({error})") from error

    def _tell(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        config = {
            "run": str(self._recorder.run.path),
            "store": self._settings.store,
            "url_prefix": self._settings.url_prefix,
            "source_files": self._recorder.sources.possible_files(),
        }
        # Left open: its end tells the process that this one has ended.
        process.stdin.write(f"{json.dumps(sys.path)}\n{json.dumps(config)}\n".encode())
        process.stdin.flush()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


_KEPT_HEADERS = {"content-type", "refresh", "server-timing"}


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _quoted(path: bytes) -> str:
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
    return "".join(chr(octet) if octet in safe else f"%{octet:02X}" for octet in path)


def _interpreter() -> str:
    """The Python that runs this process, which may be inside of another program: uWSGI, say."""
    names = ("python", f"python{sys.version_info.major}", f"python{sys.version_info.major}.{sys.version_info.minor}")
    if os.path.basename(sys.executable or "").startswith("python"):
        return sys.executable
    for folder in (sys.exec_prefix, sys.base_exec_prefix):
        for name in reversed(names):
            path = os.path.join(folder, "bin", name)
            if os.access(path, os.X_OK):
                return path
    folder = f"{sys.exec_prefix}/bin"
    raise ServerError(
        f"the dashboard needs the Python of this server in a process of its own, and there is none in {folder}"
    )
