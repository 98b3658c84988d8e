"""The dashboard behind each server: pages, events, and a shutdown that does not wait for them."""

from __future__ import annotations

import re

import pytest

from ...support.html import up_to_date
from ...support.processes import Commands, Gate, fetch, wait_until_refused
from ...support.real_servers import Live, start
from .test_each_server import ALWAYS_TESTED, CASES, GEVENT_SERVER, THREADS, WITH_TRACEBACKS, skip_where_missing

# The servers that keep a stream open; the others end it at once, and browsers reconnect.
KEEPING_STREAMS = {"flask run", "flask run with the reloader"}


def page(live: Live, path: str = "") -> str:
    def fetched() -> str:
        status, text = fetch(f"{live.url}/__coverage__/{path}")
        assert status == 200, text + live.run.text("stderr")
        return text

    return up_to_date(fetched)


def version(text: str) -> str:
    found = re.search('data-version="([^"]+)"', text)
    assert found
    return found[1]


@pytest.mark.promise
@pytest.mark.parametrize("name", CASES)
def test_pages_and_events(commands: Commands, gate: Gate, name: str, thorough: bool) -> None:
    case = CASES[name]
    skip_where_missing(name)
    if name not in ALWAYS_TESTED | {"flask run, one after the other"} and not thorough:
        pytest.skip("similar to another server here: runs with --thorough")
    commands.tracebacks_allowed = name in WITH_TRACEBACKS
    commands.write("server.py", GEVENT_SERVER)
    commands.write("threads.py", THREADS)
    live = start(commands, gate, case.command, case.app)

    assert fetch(f"{live.url}/who")[0] == 200
    while "/who" not in (first := page(live)):
        pass  # until it is up to date
    assert "<strong>1</strong>" not in first
    if name not in KEEPING_STREAMS:
        stream = f"{live.url}/__coverage__/ui/events?version="
        # Processes also write the lines of start-up, and the application's rules.
        while fetch(stream + (known := version(page(live)))) != (200, "retry: 500\n\n"):
            pass
        assert fetch(f"{live.url}/who")[0] == 200
        while (events := fetch(stream + known)[1]) == "retry: 500\n\n":
            pass
        changed = re.fullmatch("retry: 500\n\nid: (\\w+)\ndata: changed\n\n", events)
        assert changed
        assert changed[1] != known
    for path in ("ui/files", "ui/requests", "ui/tests", "ui/routes", "ui/duplicates"):
        page(live, path)
    # None of these requests is recorded.
    assert set(re.findall('<td class="path"><a [^>]*>(.*?)</a>', page(live, "ui/requests"))) == {"/who"}

    assert fetch(f"{live.url}/shutdown") == (200, "Server shutting down...")
    wait_until_refused(live.url)
    live.end()
