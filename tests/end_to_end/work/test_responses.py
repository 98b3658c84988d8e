"""Lines around a response: hooks, signals, streams to their end or a disconnect, generators, files, imports."""

from __future__ import annotations

import socket
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.servers import get, serving

from .harness import AMBIENT, WORK, ask, ask_both, at_once, path_of, recorded, serve_views, truth

Load = Callable[..., ModuleType]

STREAMS = {
    "stream_with_context": """
        from flask import Response, request, stream_with_context

        def view(side):
            def body():  # both
                yield work(request.path[1:])  # both
                try:  # both
                    yield work(side)  # both
                finally:
                    cleaned = work(side)  # both
            return Response(stream_with_context(body()))  # both
    """,
    "template in a stream": """
        from flask import current_app, stream_template_string

        def view(side):
            current_app.jinja_env.filters["work"] = work  # both
            template = "{{ side }}{% for n in (1, 2) %}{{ side|work }}{% endfor %}"  # both
            return stream_template_string(template, side=side)  # both
    """,
    "iterator of its own with close": """
        from flask import Response

        class Body:
            def __init__(self, side):
                self.side, self.left = side, 2  # both

            def __iter__(self):
                return self  # both

            def __next__(self):
                self.left -= 1  # both
                if self.left < 0:  # both
                    raise StopIteration  # both
                return work(self.side)  # both

            def close(self):
                work(self.side)  # both

        def view(side):
            return Response(Body(side))  # both
    """,
    "file of its own": """
        from flask import send_file

        class File:
            def __init__(self, side):
                self.side, self.left = side, 2  # both

            def read(self, size=-1):
                self.left -= 1  # both
                return work(self.side).encode() if self.left >= 0 else b""  # both

            def close(self):
                work(self.side)  # both

        def view(side):
            return send_file(File(side), mimetype="text/plain")  # both
    """,
    "call_on_close": """
        from flask import Response

        def view(side):
            response = Response(side)  # both
            response.call_on_close(lambda: work(side))  # both
            return response  # both
    """,
    "after_this_request": """
        from flask import after_this_request

        def view(side):
            @after_this_request  # both
            def after(response):  # both
                response.headers["Made"] = work(side)  # both
                return response  # both
            return side  # both
    """,
    "copy_current_request_context": """
        from flask import copy_current_request_context, request

        def view(side):
            @copy_current_request_context  # both
            def in_thread():  # both
                work(request.path[1:])  # both
            thread = threading.Thread(target=in_thread)  # both
            thread.start()  # both
            thread.join()  # both
            return side  # both
    """,
}


@pytest.mark.parametrize("kind", STREAMS)
def test_to_the_end_of_the_response(load_module: Load, engine_name: str, kind: str) -> None:
    module = load_module(WORK + textwrap.dedent(STREAMS[kind]))
    app = serve_views(module, engine_name)
    for _ in range(3):
        # One server for each pair, and all responses are closed at its end, which must not overlap the next requests.
        with serving(app) as port:
            at_once(*[lambda path=path: get(port, path) for path in ("/a", "/b")])  # type: ignore[misc]
    assert recorded(path_of(module)) == truth(path_of(module))


DISCONNECT = """
    from flask import Response

    gone = {"a": threading.Event(), "b": threading.Event()}

    def view(side):
        def body():  # both
            try:  # both
                yield "first"  # both
                gone[side].wait(30)  # both
                for _ in range(1000):  # both
                    yield "x" * 100000  # both
            finally:
                work(side)  # both
        return Response(body())  # both
"""


def test_client_that_disconnects(load_module: Load, engine_name: str) -> None:
    """The server notices when it sends, and closes the generator."""
    module = load_module(WORK + textwrap.dedent(DISCONNECT))

    def disconnect(port: int, side: str) -> None:
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(f"GET /{side} HTTP/1.0\r\n\r\n".encode())
            received = b""
            while b"first" not in received:
                received += client.recv(1000)
        module.gone[side].set()

    with serving(serve_views(module, engine_name)) as port:
        at_once(*[lambda side=side: disconnect(port, side) for side in "ab"])  # type: ignore[misc]
    assert recorded(path_of(module)) == truth(path_of(module))


KEPT = """
    kept = []

    def steps():
        yield 1  # a
        yield 2  # b
        yield 3  # ambient
        try:  # c
            yield 4  # c
        finally:
            closed = True  # ambient

    def view(side):
        if side == "a":  # every
            kept.append(steps())  # a
        return str(next(kept[0]))  # every
"""


def test_generator_that_outlives_its_request(load_module: Load, engine_name: str) -> None:
    """Each step belongs to the request that calls for it: to another request, or to none."""
    module = load_module(textwrap.dedent(KEPT))
    app = serve_views(module, engine_name)
    ask(app, "/a")
    ask(app, "/b")
    at_once(lambda: next(module.kept[0]))
    ask(app, "/c")
    at_once(module.kept[0].close)
    expected = truth(path_of(module))
    every = expected.pop("/every")
    for path in ("/a", "/b", "/c"):
        expected[path] = sorted([*expected[path], *every])
    assert recorded(path_of(module)) == expected


IMPORTS = """
    def view(side):
        if side == "a":  # both
            import imported_by_a_view  # a
        return work(side)  # both
"""


def test_import_in_a_view_belongs_to_the_request(
    load_module: Load, write_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, engine_name: str
) -> None:
    module = load_module(WORK + textwrap.dedent(IMPORTS))
    imported = write_module("value = 1\n\ndef function():\n    return value\n", "imported_by_a_view")
    monkeypatch.syspath_prepend(str(imported.parent))
    ask_both(serve_views(module, engine_name))
    del sys.modules["imported_by_a_view"]
    assert recorded(path_of(module)) == truth(path_of(module))
    assert recorded(imported) == {"/a": [1, 3], "/b": [], AMBIENT: []}


HOOKS = """
    from flask import Blueprint, abort, request, signals

    views = Blueprint("views", __name__)
    signalled = []

    def set_up(app):
        app.before_request(before)
        app.after_request(after)
        app.teardown_request(teardown)
        app.teardown_appcontext(teardown_context)
        app.errorhandler(409)(conflict)
        app.url_value_preprocessor(preprocess)
        for signal in (signals.request_started, signals.request_finished, signals.request_tearing_down):
            signal.connect(on_signal, app)
        views.before_request(before_in_blueprint)
        views.teardown_request(teardown_in_blueprint)
        views.get("/in/<side>")(in_blueprint)
        app.register_blueprint(views)

    def preprocess(endpoint, values):
        values.setdefault("side", "?")  # all

    def before():
        work(request.path[-1])  # all

    def after(response):
        work(request.path[-1])  # all
        return response  # all

    def teardown(error):
        work(request.path[-1])  # all

    def teardown_context(error):
        done = True  # all

    def conflict(error):
        return work(request.path[-1])  # app

    def on_signal(sender, **arguments):
        signalled.append(sender)  # all

    def before_in_blueprint():
        work(request.path[-1])  # blueprint

    def teardown_in_blueprint(error):
        work(request.path[-1])  # blueprint

    def in_blueprint(side):
        return work(side)  # blueprint

    def view(side):
        abort(409)  # app
"""


def test_hooks_signals_and_error_handlers(load_module: Load, engine_name: str) -> None:
    module = load_module(WORK + textwrap.dedent(HOOKS))
    app = serve_views(module, engine_name)
    with serving(app) as port:
        for paths in [("/a", "/b"), ("/in/a", "/in/b")]:
            at_once(*[lambda path=path: get(port, path) for path in paths])  # type: ignore[misc]
    tags = truth(path_of(module))
    side = {"a": tags["/a"], "b": tags["/b"]}
    parts = {"/": "/app", "/in/": "/blueprint"}
    expected = {
        f"{prefix}{name}": sorted({*side[name], *tags["/all"], *tags[part]})
        for prefix, part in parts.items()
        for name in side
    }
    assert recorded(path_of(module)) == {**expected, AMBIENT: []}
