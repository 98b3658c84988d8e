"""The servers that people run, each for real: import-time lines, requests at the same time, and a graceful end."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ..processes import Commands, Gate, answer, ask, fetch, wait_until_refused
from .servers import (
    FLASK_RUN,
    GUNICORN,
    PYTHON,
    UWSGI,
    WAITRESS,
    assert_import_was_measured,
    gevent,
    gevent_for_gunicorn,
    recorded,
    start,
    uwsgi,
)


@dataclass(frozen=True)
class Case:
    """A server's command, and how many requests it answers at once; ``app`` is what ``--app`` names."""

    command: str
    at_once: int
    app: str | None = None


GEVENT_SERVER = """
    from gevent import monkey

    monkey.patch_all()

    import sys

    from gevent.pywsgi import WSGIServer

    import app

    try:
        WSGIServer(("127.0.0.1", int(sys.argv[1])), app.app).serve_forever()
    except KeyboardInterrupt:
        print("interrupted")
"""

CASES = {
    "flask run": Case(FLASK_RUN, 3, "app"),
    "flask run, one after the other": Case(f"{FLASK_RUN} --without-threads", 1, "app"),
    "flask run with the reloader": Case(f"{FLASK_RUN} --reload", 3, "app"),
    "gunicorn, processes": Case(f"{GUNICORN} -w 3 app:app", 3),
    "gunicorn, threads, loaded before the fork": Case(f"{GUNICORN} -w 2 --threads 2 --preload app:app", 2),
    "gunicorn, threads, an unchanged application": Case(
        f"{GUNICORN} --threads 3 flask_livecoverage.wsgi:app", 3, "plain"
    ),
    "gunicorn, gevent": Case(f"{GUNICORN} -w 2 -k gevent app:app", 4),
    "gunicorn, gevent, loaded before the fork": Case(f"{GUNICORN} -k gevent --preload app:app", 4),
    "gevent alone": Case(f"{PYTHON} server.py {{port}}", 4),
    "waitress": Case(f"{WAITRESS} --threads 3 app:app", 3),
    "uWSGI, processes": Case(f"{UWSGI} --master --processes 3 --module app:app", 3),
    "uWSGI, threads, a file": Case(f"{UWSGI} --master --processes 2 --threads 2 --wsgi-file app.py --callable app", 4),
}


# What differs most. The others differ in one thing from one of these.
EVERYDAY = {
    "flask run with the reloader",
    "gunicorn, threads, loaded before the fork",
    "gunicorn, threads, an unchanged application",
    "gunicorn, gevent, loaded before the fork",
    "waitress",
    "uWSGI, processes",
}


@pytest.mark.promise
@pytest.mark.parametrize("name", CASES)
def test_records_all_and_ends_gracefully(commands: Commands, gate: Gate, name: str, thorough: bool) -> None:
    case = CASES[name]
    skip_where_missing(name)
    if name not in EVERYDAY and not thorough:
        pytest.skip("like another server here: with --thorough")
    # Its worker tells of the connections with which we try whether it has gone.
    commands.tracebacks_allowed = "gunicorn, gevent" in name
    commands.write("server.py", GEVENT_SERVER)
    live = start(commands, gate, case.command, case.app)
    pids = {fetch(f"{live.url}/who")[1]}
    held = []
    for _ in range(case.at_once - 1):
        connection = ask(f"{live.url}/wait")
        held.append((connection, gate.reached()))

    assert fetch(f"{live.url}/shutdown") == (200, "Server shutting down...")
    for connection, passage in held:
        passage.close()
        status, pid = answer(connection)
        assert status == 200
        pids.add(pid)
    wait_until_refused(live.url)
    live.end()

    run = recorded(commands)
    assert [request.status for request in run.requests] == [200] * case.at_once
    assert {str(request.pid) for request in run.requests} == pids
    app = "plain.py" if case.app == "plain" else "app.py"
    unasked = ["os.kill("] if held else ["os.kill(", "gate.wait()"]
    assert_import_was_measured(commands, run, app, *unasked)


def skip_where_missing(name: str) -> None:
    reason = None
    if "uWSGI" in name:
        reason = uwsgi()
    elif "gunicorn, gevent" in name:
        reason = gevent_for_gunicorn()
    if reason is None and "gevent" in name:
        reason = gevent()
    if reason is not None:
        pytest.skip(reason)
