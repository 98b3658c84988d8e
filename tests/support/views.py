"""Views whose lines are known, the application that has them, and what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import RequestRecord, Run
from flask_livecoverage.recording.process import current_recorder
from flask_livecoverage.recording.recorder import Recorder

VIEWS = """
    import asyncio
    import contextvars
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from flask import Blueprint, Response, current_app, request, stream_with_context

    views = Blueprint("views", __name__)
    executor = None
    started, go_on, finished = threading.Event(), threading.Event(), threading.Event()

    @views.get("/plain/<int:n>")
    def plain(n):
        if n > 5:  # plain
            return "many"  # many
        return "few"  # few

    @views.get("/stream")
    def stream():
        def body():  # defines body
            yield "1"  # chunk 1
            yield "2"  # chunk 2
            last = True  # after the last chunk
        return Response(body())  # returns body

    @views.get("/stream-fails")
    def stream_fails():
        def failing_body():  # defines failing body
            yield "1"  # good chunk
            raise RuntimeError("no more")  # bad chunk
        return Response(failing_body())  # returns failing body

    @views.get("/fails")
    def fails():
        raise RuntimeError("broken")  # fails

    @views.get("/closes")
    def closes():
        response = Response("text")  # closing
        response.call_on_close(on_close)  # registers close
        return response  # returns closing

    def on_close():
        return True  # on close

    @views.get("/thread")
    def thread():
        worker = threading.Thread(target=in_thread, args=(1,))  # makes thread
        worker.start()  # starts thread
        worker.join()  # joins thread
        return "joined"  # joined

    def in_thread(depth):
        if depth:
            inner = threading.Thread(target=in_thread, args=(0,))  # inner thread
            inner.start()  # inner start
            inner.join()  # inner join
        return depth  # in thread

    @views.get("/pool/<int:n>")
    def pool(n):
        return str(executor.submit(in_pool, n).result())  # pool view

    def in_pool(n):
        if n > 5:
            return "big"  # big
        return "small"  # small

    @views.get("/outlives")
    def outlives():
        threading.Thread(target=long_work).start()  # starts long work
        started.wait()  # waits for start
        return "started"  # outlived

    def long_work():
        started.set()  # long work starts
        go_on.wait()  # long work goes on
        done = True  # long work ends
        finished.set()  # long work finished

    @views.get("/async")
    async def coroutine():
        await asyncio.sleep(0)  # coroutine sleeps
        results = await asyncio.gather(step(1), asyncio.to_thread(in_pool, 9))  # gathers
        return str(results)  # coroutine returns

    async def step(n):
        await asyncio.sleep(0)  # step sleeps
        return n  # step returns

    @views.get("/nested")
    def nested():
        with current_app.test_client() as client:  # opens client
            text = client.get("/plain/9").text  # inner request
        return text  # nested
"""


@pytest.fixture
def views(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(VIEWS)


@pytest.fixture
def app(views: ModuleType, engine_name: str) -> Flask:
    return make_app(views, engine_name)


def make_app(views: ModuleType, engine_name: str, **config: Any) -> Flask:
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name, **config)
    app.register_blueprint(views.views)
    LiveCoverage(app)
    return app


def recorder() -> Recorder:
    found = current_recorder()
    assert found is not None
    return found


def run_so_far() -> Run:
    return read_run(recorder().run)


def lines(record: RequestRecord, module: ModuleType) -> list[int]:
    return run_so_far().traces[record.trace].line_numbers().get(str(module.__file__), [])


def only_request() -> RequestRecord:
    [record] = run_so_far().requests
    return record
