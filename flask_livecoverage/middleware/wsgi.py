"""The WSGI middleware: where a request begins and ends, whatever application answers it.

Rules (PEP 3333): a response body may run code long after the application was called, in each step of its iteration and
in ``close()``. All of that belongs to the request. Its record is on disk before a chunk of the body is sent, so a
client that has the response can rely on the record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..model.records import NO_TEST_NAME
from ..model.text import MAX_METHOD_LENGTH, MAX_PATH_LENGTH, stored_text
from ..recording.process import start_recording
from ..recording.recorder import Recorder
from ..recording.request import RunningRequest, current_request
from ..settings import load_settings
from ..testid.headers import identity_of, ignored_paths

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID_HEADER = "Livecov-Request"

# Keys in the environment of a request on its way from the outermost middleware of an application to the inner one: the
# request, and the environment as the server created it, which middleware in between may change.
_REQUEST_KEY = "flask_livecoverage.request"
_ORIGINAL_KEY = "flask_livecoverage.original"
_SWITCHING_PROTOCOLS = 101
# WebSocket handlers raise these under Gunicorn and Werkzeug when no response is to be sent.
_WEBSOCKET_END_ERRORS = (StopIteration, ConnectionError)

_USUAL_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Describe = Callable[["WSGIEnvironment"], tuple["str | None", "str | None"]]
IsMaterialized = Callable[[Iterable[bytes]], bool]


def is_sequence(body: Iterable[bytes]) -> bool:
    """Return whether ``body`` is a plain list or tuple, which runs no code when it is sent."""
    return type(body) in (list, tuple)


class LiveCoverageMiddleware:
    """Records the requests that pass through it to ``app``, any WSGI application.

    :param recorder: default: this process's recorder, started now if none runs, with settings from the environment.
    :param describe: returns the route and the endpoint for a request's environment, while it is answered or after.
    :param ignore: paths whose requests belong to no test; default: ``LIVECOVERAGE_IGNORE`` from the environment.
    :param is_materialized: returns whether a response body runs no code of the application when it is sent and closed.
        Most run none, and it costs less to send them unmeasured.
    """

    def __init__(
        self,
        app: WSGIApplication,
        recorder: Recorder | None = None,
        *,
        describe: Describe | None = None,
        is_materialized: IsMaterialized = is_sequence,
        ignore: Iterable[str] | None = None,
    ) -> None:
        self.app = app
        self.recorder = recorder or start_recording(load_settings({}))
        self._is_ignored = ignored_paths(load_settings({}).ignore if ignore is None else ignore)
        self.in_flight = InFlight()
        self._describe = describe
        self._is_materialized = is_materialized

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as ``app`` does, and record it."""
        if _REQUEST_KEY in environ and (under_way := _request_on_its_way(environ)) is not None:
            return self._pass_through(under_way, environ, start_response)
        path = _path(environ)
        test = NO_TEST_NAME if self._is_ignored(path) else identity_of(environ)
        request = self.recorder.open_request(_method(environ), path, test)
        has_server = "SERVER_SOFTWARE" in environ or "uwsgi.version" in environ
        in_flight = self.in_flight if has_server else _UNAWAITED
        in_flight.add(request)
        if "HTTP_UPGRADE" in environ and environ["HTTP_UPGRADE"].lower() == "websocket":
            # Unless the application starts another response. A WebSocket handler writes to the client itself.
            request.status = _SWITCHING_PROTOCOLS

        def start_recorded_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            request.status = int(status[:3])
            self._name_route(request, environ)
            headers = [*headers, (REQUEST_ID_HEADER, request.id)]
            # Not every server accepts None as the third argument.
            write = start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

            def recorded_write(data: bytes) -> object:
                request.commit()
                return write(data)

            return recorded_write

        segment = request.enter()
        try:
            body = self._call(request, environ, start_recorded_response)
        except BaseException as error:
            if request.status != _SWITCHING_PROTOCOLS or not isinstance(error, _WEBSOCKET_END_ERRORS):
                request.status = 500
            request.leave(segment)
            self._name_route(request, environ)
            request.commit()
            in_flight.remove(request)
            raise
        request.leave(segment)
        if request.status == _SWITCHING_PROTOCOLS:
            self._name_route(request, environ)
        if self._is_materialized(body):
            request.commit()
            return _MaterializedBody(body, request, in_flight)
        return _Body(body, request, in_flight)

    def _call(
        self, request: RunningRequest, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return self.app(environ, start_response)

    def _pass_through(
        self, request: RunningRequest, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let a request through that is recorded already; new requests with its environment are recorded separately."""
        del environ[_REQUEST_KEY]
        try:
            return self.app(environ, start_response)
        finally:
            environ[_REQUEST_KEY] = request
            if self._describe is not None and _ORIGINAL_KEY in environ:
                # Middleware in between may have mounted the application elsewhere, or chosen this one of several.
                request.route, request.endpoint = self._describe(environ)

    def _name_route(self, request: RunningRequest, environ: WSGIEnvironment) -> None:
        if self._describe is not None and request.endpoint is None:
            request.route, request.endpoint = self._describe(environ)


class OutermostMiddleware(LiveCoverageMiddleware):
    """Records the requests to an application, and measures all middleware between it and ``inner``, called by ``app``.

    So middleware that is added around the application later is measured too. ``inner`` lets these requests through, and
    records those that reach it otherwise.

    :param is_direct: returns whether there is no middleware in between.
    """

    def __init__(self, app: WSGIApplication, inner: LiveCoverageMiddleware, is_direct: Callable[[], bool]) -> None:
        super().__init__(
            app, inner.recorder, describe=inner._describe, is_materialized=inner._is_materialized, ignore=()
        )
        self.in_flight = inner.in_flight
        self._is_ignored = inner._is_ignored
        self._innermost = inner.app
        self._is_direct = is_direct

    def _call(
        self, request: RunningRequest, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._is_direct():
            # For most applications, the calls in between would do nothing, at a cost for each request.
            return self._innermost(environ, start_response)
        environ[_ORIGINAL_KEY] = environ.copy()
        environ[_REQUEST_KEY] = request
        return self.app(environ, start_response)

    def _pass_through(
        self, request: RunningRequest, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # The outermost middleware of another application, a dispatcher for example, has recorded this request.
        return self.app(environ, start_response)


def _request_on_its_way(environ: WSGIEnvironment) -> RunningRequest | None:
    """Return the request with ``environ``, if it is recorded already and has not reached the application itself yet."""
    request: RunningRequest | None = environ.get(_REQUEST_KEY)
    # The key of another request is left over in an environment that an application has used for several requests.
    return request if request is not None and current_request() in (request, None) else None


def leave_unrecorded(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Leave the request with ``environ`` unrecorded; return its environment as the server created it.

    Only the path stays as it is now, because middleware before may have mounted the application elsewhere.
    """
    request = _request_on_its_way(environ)
    if request is None:
        return environ
    request.discard()
    path = {name: environ.get(name, "") for name in ("SCRIPT_NAME", "PATH_INFO")}
    return {**environ.get(_ORIGINAL_KEY, environ), **path}


class _MaterializedBody:
    """A response body that runs no code of the application: its request is complete."""

    __slots__ = ("_body", "_in_flight", "_request")

    def __init__(self, body: Iterable[bytes], request: RunningRequest, in_flight: InFlight) -> None:
        self._body = body
        self._request = request
        self._in_flight = in_flight

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self.__del__()

    def __del__(self) -> None:
        self._in_flight.remove(self._request)


class _Body:
    """A response body whose every step is a segment of its request."""

    __slots__ = ("_body", "_chunks", "_ended", "_in_flight", "_iterator", "_request")

    def __init__(self, body: Iterable[bytes], request: RunningRequest, in_flight: InFlight) -> None:
        self._body = body
        self._iterator: Iterator[bytes] | None = None
        self._chunks = 0
        self._ended = False
        self._request = request
        self._in_flight = in_flight

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        request = self._request
        segment = request.enter()
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
            self._chunks += 1
            return chunk
        except StopIteration:
            self._ended = True
            raise
        except BaseException:
            self._ended = True
            request.status = 500
            raise
        finally:
            request.leave(segment)
            # The record of a body of one chunk, as other frameworks return a whole body, has its duration already.
            request.commit(ended=self._ended and (request.end_response() or self._chunks > 1))
            if self._chunks == 1 and not self._ended:
                request.begin_stream()

    def close(self) -> None:
        request = self._request
        close = getattr(self._body, "close", None)
        segment = request.enter()
        try:
            if close is not None:
                close()
        finally:
            request.leave(segment)
            # A client that has disconnected ends it now.
            request.end_response()
            request.commit(ended=not self._ended)
            self.__del__()

    def __del__(self) -> None:
        # Servers close the body (PEP 3333). A body that is dropped without close() must not stay in flight.
        self._in_flight.remove(self._request)


class InFlight:
    """The requests that a server received and whose response is not closed yet.

    Requests of test clients are not included, because many test suites never close a response.
    """

    def __init__(self) -> None:
        self._requests: set[RunningRequest] = set()
        self._someone_waits = False
        self._emptied = threading.Condition()
        self.add = self._requests.add  # called with a request that was received

    def remove(self, request: RunningRequest) -> None:
        """Note that the response of ``request`` is closed."""
        self._requests.discard(request)
        # Read after the removal, as the waiter reads the requests after it has set this flag.
        if self._someone_waits:
            with self._emptied:
                self._emptied.notify_all()

    def __len__(self) -> int:
        return len(self._requests)

    def wait_until_empty(self, timeout: float) -> bool:
        """Wait until all are closed, at most ``timeout`` seconds; return whether they are."""
        self._someone_waits = True
        with self._emptied:
            return self._emptied.wait_for(lambda: not self._requests, timeout)


class _Unawaited(InFlight):
    """Requests whose end is not waited for, so none is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.add = self.remove

    def remove(self, request: RunningRequest) -> None:
        """Do nothing."""


_UNAWAITED = _Unawaited()


def _method(environ: WSGIEnvironment) -> str:
    method: str = environ["REQUEST_METHOD"]
    return method if method in _USUAL_METHODS else stored_text(method, MAX_METHOD_LENGTH)


def _path(environ: WSGIEnvironment) -> str:
    # WSGI passes bytes as latin-1 text.
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return stored_text(path, MAX_PATH_LENGTH) or "/"
