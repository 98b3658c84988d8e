"""The dashboard behind each server: pages, events, and an end that does not wait for them."""

from __future__ import annotations

import re

import pytest

from ...support.processes import Commands, Gate, fetch, wait_until_refused
from ...support.real_servers import Live, start
from .test_each_server import CASES, EVERYDAY, GEVENT_SERVER, TELLS_OF_ATTEMPTS, THREADS, skip_where_missing

# Those that keep a stream open; the others end it at once, and browsers ask again.
HOLDING = {"flask run", "flask run with the reloader"}


def page(live: Live, path: str = "") -> str:
    while True:
        status, text = fetch(f"{live.url}/__coverage__/{path}")
        assert status == 200, text + live.run.text("stderr")
        if "data-behind>" not in text:
            return text


def version(text: str) -> str:
    found = re.search('data-version="([^"]+)"', text)
    assert found
    return found[1]


@pytest.mark.promise
@pytest.mark.parametrize("name", CASES)
def test_pages_and_events(commands: Commands, gate: Gate, name: str, thorough: bool) -> None:
    case = CASES[name]
    skip_where_missing(name)
    if name not in EVERYDAY | {"flask run, one after the other"} and not thorough:
        pytest.skip("like another server here: with --thorough")
    commands.tracebacks_allowed = name in TELLS_OF_ATTEMPTS
    commands.write("server.py", GEVENT_SERVER)
    commands.write("threads.py", THREADS)
    live = start(commands, gate, case.command, case.app)

    assert fetch(f"{live.url}/who")[0] == 200
    while "/who" not in (first := page(live)):
        pass  # up to date soon
    assert "<strong>1</strong>" not in first
    if name not in HOLDING:
        stream = f"{live.url}/__coverage__/ui/events?version="
        # Processes write also what they ran at start-up, and the application's rules.
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
    # Nothing of it is recorded.
    assert set(re.findall('<td class="path"><a [^>]*>(.*?)</a>', page(live, "ui/requests"))) == {"/who"}

    assert fetch(f"{live.url}/shutdown") == (200, "Server shutting down...")
    wait_until_refused(live.url)
    live.end()
