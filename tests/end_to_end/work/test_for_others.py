"""Lines that one request runs on behalf of another are only in the other one's record."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import ModuleType

import pytest

from .harness import ask, path_of, recorded, serve_views, truth

Load = Callable[..., ModuleType]

# `/a` is answered before `/b` is requested.
FOR_OTHERS = {
    "callback of a future": """
        from concurrent.futures import Future

        future = Future()

        def callback(done):
            return step(done.result())  # a

        def step(side):
            if side == "b":  # both
                return "b"  # b
            return "a"  # a

        def view(side):
            if side == "a":  # both
                future.add_done_callback(callback)  # a
                return side  # a
            future.set_result("a")  # b
            return step(side)  # b
    """,
    "callback that adds a callback": """
        from concurrent.futures import Future

        first, second = Future(), Future()

        def inner(done):
            return done.result()  # a

        def outer(done):
            second.add_done_callback(inner)  # a
            second.set_result(1)  # a
            return done.result()  # a

        def view(side):
            if side == "a":  # both
                first.add_done_callback(outer)  # a
            else:
                first.set_result(1)  # b
            return side  # both
    """,
    "callback that fails": """
        import logging
        from concurrent.futures import Future

        future = Future()
        logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
        logging.getLogger("concurrent.futures").propagate = False

        def callback(done):
            raise ValueError  # a

        def view(side):
            if side == "a":  # both
                future.add_done_callback(callback)  # a
            else:
                future.set_result(1)  # b
            return side  # both
    """,
    "response that is read later": """
        kept = []

        def body():
            yield "first"  # a
            yield "second"  # a

        def set_up(app):
            app.get("/b/read")(read)

        def read():
            return kept.pop().text  # read

        def view(side):
            return body() if side == "a" else side  # both
    """,
    "request that a callback makes": """
        from concurrent.futures import Future

        future = Future()

        def callback(done):
            client.get("/made").close()  # a

        def set_up(app):
            global client
            client = app.test_client()
            app.get("/made")(made)

        def made():
            return "made"  # a_and_made

        def view(side):
            if side == "a":  # both
                future.add_done_callback(callback)  # a
            else:
                future.set_result(1)  # b
            return side  # both
    """,
    "callback of a request that the request made": """
        from concurrent.futures import Future

        from flask import current_app

        future = Future()

        def callback(done):
            return done.result()  # a_and_made

        def set_up(app):
            app.get("/made")(made)

        def made():
            future.add_done_callback(callback)  # a_and_made
            return "made"  # a_and_made

        def view(side):
            if side == "a":  # both
                with current_app.test_client() as client:  # a
                    client.get("/made")  # a
                future.set_result(1)  # a
            return side  # both
    """,
}


@pytest.mark.parametrize("kind", FOR_OTHERS)
def test_for_others(load_module: Load, engine_name: str, kind: str) -> None:
    module = load_module(textwrap.dedent(FOR_OTHERS[kind]))
    app = serve_views(module, engine_name)
    if hasattr(module, "kept"):
        module.kept.append(app.test_client().get("/a"))
        ask(app, "/b/read")
        ask(app, "/b")
    else:
        ask(app, "/a")
        ask(app, "/b")
    expected = truth(path_of(module))
    shared = expected.pop("/a_and_made", None)
    if shared is not None:
        expected["/a"] = sorted([*expected["/a"], *shared])
        expected["/made"] = shared
    if "/read" in expected:
        expected["/b/read"] = expected.pop("/read")
    assert recorded(path_of(module)) == {"/b": [], **expected}
