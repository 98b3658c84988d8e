"""WSGI middleware of an application: measured wherever it was added, and unable to bypass the access control."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from flask_livecoverage import LiveCoverage
from flask_livecoverage.extension import attach
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import current_recorder

from ..support.lines import lines_of
from ..support.servers import get, serving

Load = Callable[..., ModuleType]

MODULE = """
    from flask import Flask

    class Tenant:
        def __init__(self, wrapped):
            self.wrapped = wrapped  # made

        def __call__(self, environ, start_response):
            if environ["PATH_INFO"] == "/blocked":  # asks
                start_response("403 FORBIDDEN", [("Content-Length", "0")])  # refuses
                return []  # refused
            return self.wrapped(environ, start_response)  # wraps

    class Streaming(Tenant):
        def __call__(self, environ, start_response):
            for chunk in self.wrapped(environ, start_response):  # iterates
                yield chunk  # passes on

    class Retrying(Tenant):
        def __call__(self, environ, start_response):
            self.wrapped(environ, lambda *arguments: None).close()  # tries once
            return self.wrapped({**environ}, start_response)  # tries again

    class Override(Flask):
        def __call__(self, environ, start_response):
            environ["REQUEST_METHOD"] = environ.get("HTTP_X_METHOD", "GET")  # overrides
            return super().__call__(environ, start_response)  # goes on

    def view():
        return "viewed"  # view
"""


@pytest.fixture
def module(load_module: Load) -> ModuleType:
    return load_module(MODULE)


@pytest.fixture
def app(module: ModuleType, engine_name: str) -> Flask:
    return make_app(module, engine_name)


def make_app(module: ModuleType, engine_name: str = "auto", kind: type[Flask] = Flask) -> Flask:
    app = kind("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name)
    app.get("/")(module.view)
    return app


def records(module: ModuleType) -> list[tuple[str, int, str | None, list[int]]]:
    """The path, status, route and lines of each request."""
    recorder = current_recorder()
    assert recorder is not None
    recorder.flush()
    run = read_run(recorder.run)
    ambient = {line for t in run.ambient for line in run.traces[t].line_numbers().get(str(module.__file__), ())}
    assert ambient <= {*lines_of(module, "# made")}
    return [
        (r.path, r.status, r.route, run.traces[r.trace].line_numbers().get(str(module.__file__), []))
        for r in run.requests
    ]


def put_before(app: Flask, middleware: Callable[..., Any]) -> None:
    app.wsgi_app = middleware(app.wsgi_app)  # type: ignore[method-assign]
    LiveCoverage(app)


def put_after(app: Flask, middleware: Callable[..., Any]) -> None:
    LiveCoverage(app)
    app.wsgi_app = middleware(app.wsgi_app)  # type: ignore[method-assign]


def attach_after(app: Flask, middleware: Callable[..., Any]) -> None:
    """As for an application without the extension under ``livecov serve``."""
    app.wsgi_app = middleware(app.wsgi_app)  # type: ignore[method-assign]
    attach(app)


@pytest.mark.parametrize("put", [put_before, put_after, attach_after])
class TestPositions:
    def test_lines_of_the_middleware_belong_to_the_request(self, app: Flask, module: ModuleType, put: Any) -> None:
        put(app, module.Tenant)
        with serving(app) as port:
            assert get(port, "/") == (200, b"viewed")
            assert get(port, "/blocked") == (403, b"")
        assert records(module) == [
            ("/", 200, "/", lines_of(module, "# asks", "# wraps", "# view")),
            ("/blocked", 403, None, lines_of(module, "# asks", "# refuses", "# refused")),
        ]

    def test_two_layers(self, app: Flask, module: ModuleType, put: Any) -> None:
        put(app, lambda inner: module.Streaming(module.Tenant(inner)))
        response = app.test_client().get("/")
        assert response.text == "viewed"
        texts = ("# asks", "# wraps", "# view", "# iterates", "# passes on")
        assert records(module) == [("/", 200, "/", lines_of(module, *texts))]

    def test_middleware_that_calls_the_application_twice(self, app: Flask, module: ModuleType, put: Any) -> None:
        put(app, module.Retrying)
        assert app.test_client().get("/").text == "viewed"
        assert records(module) == [("/", 200, "/", lines_of(module, "# tries once", "# tries again", "# view"))]


def test_call_of_a_subclass_is_measured(module: ModuleType, engine_name: str) -> None:
    app = make_app(module, engine_name, module.Override)
    LiveCoverage(app)
    assert app.test_client().post("/").status_code == 200
    assert records(module) == [("/", 200, "/", lines_of(module, "# overrides", "# goes on", "# view"))]


def test_the_class_is_unchanged(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another application of the same class is not affected, and a later replacement of the class's method works."""
    app, other = make_app(module), make_app(module)
    call = Flask.__call__
    LiveCoverage(app)
    assert Flask.__call__ is call
    assert type(other) is Flask
    assert isinstance(app, Flask)
    assert (repr(app), type(app).__qualname__, type(app).__module__) == (repr(other), "Flask", "flask.app")
    assert "Livecov-Request" not in other.test_client().get("/").headers
    called = []

    def replaced(self: Flask, environ: Any, start_response: Any) -> Any:
        called.append(environ["PATH_INFO"])
        return call(self, environ, start_response)

    monkeypatch.setattr(Flask, "__call__", replaced)
    assert "Livecov-Request" in app.test_client().get("/").headers
    assert called == ["/"]


def test_application_that_is_served_without_its_call(app: Flask, module: ModuleType) -> None:
    put_after(app, module.Tenant)
    client = Client(app.wsgi_app)
    assert client.get("/").text == "viewed"
    assert client.get("/__coverage__/status").status_code == 403  # the client gives no peer address
    recorder = current_recorder()
    assert recorder is not None
    [record] = read_run(recorder.run).requests
    assert (record.path, record.status) == ("/", 200)


def test_requests_that_a_view_makes(app: Flask, module: ModuleType) -> None:
    """With a copy of its own environment. Each is a separate request."""
    LiveCoverage(app)

    @app.get("/outer")
    def outer() -> str:
        environ = {**request.environ, "PATH_INFO": "/"}
        return "".join(Response.from_app(app, environ, buffered=True).get_data(as_text=True) for _ in range(2))

    assert app.test_client().get("/outer").text == "viewedviewed"
    view = lines_of(module, "# view")
    assert sorted(records(module)) == [("/", 200, "/", view), ("/", 200, "/", view), ("/outer", 200, "/outer", view)]


def test_dispatcher_between_two_applications(app: Flask, module: ModuleType, engine_name: str) -> None:
    """A request is recorded once, with the rule of the application that answers it."""
    other = make_app(module, engine_name)
    other.get("/other/<name>")(lambda name: module.view())
    LiveCoverage(other)
    put_after(app, lambda inner: DispatcherMiddleware(inner, {"/mounted": other}))
    client = app.test_client()
    for path in ("/", "/mounted/other/one", "/mounted/", "/mounted/nothing"):
        client.get(path)
    view = lines_of(module, "# view")
    assert records(module) == [
        ("/", 200, "/", view),
        ("/mounted/other/one", 200, "/other/<name>", view),
        ("/mounted/", 200, "/", view),
        ("/mounted/nothing", 404, None, []),
    ]


class Trusting:
    """Middleware that trusts a header of the client, and removes it."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = environ.pop("HTTP_X_REAL_IP", environ["REMOTE_ADDR"])
        return self.wrapped(environ, start_response)


def mounted(inner: Any) -> Any:
    return DispatcherMiddleware(inner, {"/mounted": inner})


def ask_status(app: Flask, path: str, peer: str, **headers: str) -> int:
    environ = EnvironBuilder(path, base_url="http://localhost/", headers=headers).get_environ()
    environ.update(REMOTE_ADDR=peer, SERVER_SOFTWARE="some server")
    body, status, _ = run_wsgi_app(app, environ, buffered=True)
    assert body
    return int(status[:3])


@pytest.mark.parametrize("path", ["/__coverage__/status", "/mounted/__coverage__/status"])
class TestAccess:
    """The peer address of the server decides, whatever middleware replaces it with."""

    @pytest.mark.parametrize(
        ("middleware", "header"),
        [(Trusting, "X-Real-Ip"), (lambda inner: ProxyFix(inner, x_for=1, x_host=1), "X-Forwarded-For")],
    )
    def test_middleware_that_replaces_the_peer_address(
        self, app: Flask, module: ModuleType, path: str, middleware: Any, header: str
    ) -> None:
        put_after(app, lambda inner: middleware(mounted(inner)))
        spoofed = {header: "127.0.0.1"}
        assert ask_status(app, path, "192.0.2.1", **spoofed) == 403
        assert ask_status(app, path, "192.0.2.1") == 403
        assert ask_status(app, path, "127.0.0.1", **spoofed) == 403  # came through a proxy
        assert ask_status(app, path, "127.0.0.1") == 200
        assert records(module) == []

    def test_middleware_that_refuses_requests_does_not_block_control_routes(
        self, app: Flask, module: ModuleType, path: str
    ) -> None:
        put_after(app, lambda inner: mounted(module.Tenant(inner)))
        assert ask_status(app, path, "127.0.0.1") == 200
        assert records(module) == []
