"""From a request to its record: each client's request, nested ones too, has a record with exactly its lines."""

from __future__ import annotations

import os
import threading
from types import ModuleType

import pytest
from flask import Flask

from ..support.lines import lines_of
from ..support.views import lines, only_request, run_so_far


def test_record_of_a_plain_request(app: Flask, views: ModuleType) -> None:
    response = app.test_client().get("/plain/3", headers={"Livecov-Test": "a test"})
    record = only_request()
    assert response.headers["Livecov-Request"] == record.id
    assert (record.method, record.path, record.status, record.test) == ("GET", "/plain/3", 200, "a test")
    assert (record.route, record.endpoint) == ("/plain/<int:n>", "views.plain")
    assert record.pid == os.getpid()
    assert lines(record, views) == lines_of(views, "if n > 5:  # plain", "# few")


def test_not_found_is_a_request_too(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/nowhere")
    record = only_request()
    assert (record.status, record.route, record.endpoint) == (404, None, None)
    assert lines(record, views) == []


def test_exception_is_recorded_with_status_500(app: Flask, views: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        app.test_client().get("/fails")
    record = only_request()
    assert (record.status, record.route, record.endpoint) == (500, "/fails", "views.fails")
    assert lines(record, views) == lines_of(views, "# fails")


def test_nested_test_client(app: Flask, views: ModuleType) -> None:
    """A request made by a view is a request of its own, and part of what the view's request executed."""
    app.test_client().get("/plain/1")
    assert app.test_client().get("/nested").text == "many"
    _, outer, inner = run_so_far().requests
    own = lines_of(views, "if n > 5:  # plain", "# many")
    assert (outer.path, inner.path) == ("/nested", "/plain/9")
    assert lines(inner, views) == own
    assert lines(outer, views) == sorted([*own, *lines_of(views, "# opens client", "# inner request", "# nested")])


def test_concurrent_clients_have_their_own_lines(app: Flask, views: ModuleType) -> None:
    barrier = threading.Barrier(6)

    def work(n: int) -> None:
        client = app.test_client()
        barrier.wait()
        for _ in range(30):
            client.get(f"/plain/{n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 9, 2, 8, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = run_so_far()
    expected = {big: lines_of(views, "if n > 5:  # plain", "# many" if big else "# few") for big in (True, False)}
    assert len(run.requests) == 180
    assert len({record.id for record in run.requests}) == 180
    for record in run.requests:
        found = run.traces[record.trace].line_numbers()[str(views.__file__)]
        assert found == expected[int(record.path.rpartition("/")[2]) > 5]
