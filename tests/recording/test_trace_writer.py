"""Traces are written once, however many requests have them, whole responses and streams alike."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from types import ModuleType

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.engines import Hits
from flask_livecoverage.engines.base import HitsCache
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import current_recorder
from flask_livecoverage.recording.recorder import Recorder

WAYS = 20
VIEWS = (
    "from flask import Blueprint, Response\n\nviews = Blueprint('views', __name__)\n\n"
    "def step(way):\n" + "".join(f"    if way == {way}:\n        return 'way {way}'\n" for way in range(WAYS)) + "\n"
    "@views.get('/whole/<int:way>')\ndef whole(way):\n    return step(way)\n\n"
    "@views.get('/parts/<int:way>')\ndef parts(way):\n    return Response(step(way) for _ in range(3))\n"
)


@pytest.fixture
def app(load_module: Callable[..., ModuleType], engine_name: str) -> Flask:
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name)
    app.register_blueprint(load_module(VIEWS).views)
    LiveCoverage(app)
    return app


def recorder() -> Recorder:
    found = current_recorder()
    assert found is not None
    return found


def ask_all_ways(app: Flask) -> None:
    client = app.test_client()
    for view in ("whole", "parts"):
        for way in range(WAYS):
            assert client.get(f"/{view}/{way}").text == f"way {way}" * (3 if view == "parts" else 1)


def written() -> list[str]:
    """The ids of the traces in the journal, in the order in which they were written."""
    lines = [json.loads(line) for line in recorder().journal.path.read_text().splitlines()]
    return [line["id"] for line in lines if line["type"] == "trace"]


def test_written_once(app: Flask) -> None:
    for _ in range(3):
        ask_all_ways(app)
    assert len(written()) == len(set(written()))
    run = read_run(recorder().run)
    assert {request.trace for request in run.requests} <= set(written())
    assert len({request.trace for request in run.requests}) == 2 * WAYS


def test_cache_is_bounded_and_evicted_traces_are_written_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_livecoverage.recording.trace_writer.MAX_LINES", 50)
    monkeypatch.setattr(HitsCache, "MAX_LINES", 50)
    for _ in range(3):
        ask_all_ways(app)
    assert len(written()) > len(set(written()))
    assert len({request.trace for request in read_run(recorder().run).requests}) == 2 * WAYS


class ReferencedHits(Hits):
    """Hits whose deletion can be observed."""

    __slots__ = ("__weakref__",)


def test_cache_of_hits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HitsCache, "MAX_LINES", 100)
    cache = HitsCache(lambda raw: ReferencedHits({str(key): frozenset(lines) for key, lines in raw.items()}))
    made: dict[int, weakref.ref[Hits]] = {}
    for number in range(1000):
        raw = {number % 7: {number, number + 1}, "shape": set(range(number % 5))}
        found = cache.hits(raw)
        assert found == {str(key): lines for key, lines in raw.items()}
        made[id(found)] = weakref.ref(found)
        del found
        assert sum(sum(map(len, (reference() or {}).values())) for reference in made.values()) <= 100
    assert cache.hits(dict(raw)) is cache.hits(raw)
