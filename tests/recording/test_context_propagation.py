"""Threads, pools and tasks that a request starts: their lines belong to the request, as long as they run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from flask import Flask

from ..support.lines import lines_of
from ..support.views import lines, only_request, recorder, run_so_far


def test_threads_belong_to_their_request(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/thread")
    texts = ("# makes thread", "# starts thread", "# joins thread", "# joined")
    inner = ("# inner thread", "# inner start", "# inner join", "# in thread")
    found = lines(only_request(), views)
    assert found == sorted([*lines_of(views, *texts, *inner), lines_of(views, "# inner thread")[0] - 1])


def test_calls_in_a_pool_belong_to_the_request_that_submits_them(app: Flask, views: ModuleType) -> None:
    client = app.test_client()
    with ThreadPoolExecutor(1) as views.executor:
        for n in (1, 9, 1):
            client.get(f"/pool/{n}")
    for record, text in zip(run_so_far().requests, ("# small", "# big", "# small"), strict=True):
        [condition] = [lines_of(views, "# big")[0] - 1]
        assert lines(record, views) == sorted([*lines_of(views, "# pool view", text), condition])


def test_thread_that_outlives_its_request(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/outlives")
    begun = ["# starts long work", "# waits for start", "# outlived", "# long work starts", "# long work goes on"]
    recorder().flush()
    assert set(lines(only_request(), views)) >= set(lines_of(views, *begun[:4]))
    threads = [t for t in threading.enumerate() if t is not threading.current_thread()]
    views.go_on.set()
    views.finished.wait()
    for thread in threads:
        if thread.name != "flask-livecoverage":
            thread.join()
    assert lines(only_request(), views) == lines_of(views, *begun, "# long work ends", "# long work finished")


def test_thread_that_ends_while_the_record_is_being_written(
    app: Flask, views: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    journal = recorder().journal
    append = journal.append

    def append_while_it_ends(line: str) -> bool:
        if '"type":"request"' in line:
            views.go_on.set()
            for thread in set(threading.enumerate()) - before:
                thread.join()
        return append(line)

    monkeypatch.setattr(journal, "append", append_while_it_ends)
    app.test_client().get("/outlives")
    assert set(lines(only_request(), views)) > set(lines_of(views, "# long work ends", "# long work finished"))


def test_async_view_with_tasks_and_threads(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/async")
    texts = ("# coroutine sleeps", "# gathers", "# coroutine returns", "# step sleeps", "# step returns", "# big")
    assert lines(only_request(), views) == sorted([*lines_of(views, *texts), lines_of(views, "# big")[0] - 1])
