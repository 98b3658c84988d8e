"""The usual servers, each for real: import-time lines, requests at the same time, and a graceful shutdown.

Tests ``wsgi``.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ...support.lines import line_of
from ...support.polling import wait_until
from ...support.processes import Commands, Gate, fetch, read_response, send_request, wait_until_refused
from ...support.real_servers import (
    FLASK_RUN,
    GUNICORN,
    PYTHON,
    UWSGI,
    WAITRESS,
    assert_import_was_measured,
    gevent_for_gunicorn,
    lines,
    recorded,
    start,
    uwsgi,
)


@dataclass(frozen=True)
class Case:
    """A server's command, and the number of requests that it answers at once.

    ``app`` is the value of ``--app``. ``keeps_answering`` is true if it answers new requests after it was asked to shut
    down, until the requests in flight are done.
    """

    command: str
    at_once: int
    app: str | None = None
    keeps_answering: bool = False


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

# A forked worker must not be disturbed by a thread of its master.
THREADS = """
    import threading

    from app import app

    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

CASES = {
    "flask run": Case(FLASK_RUN, 3, "app", keeps_answering=True),
    "flask run, one after the other": Case(f"{FLASK_RUN} --without-threads", 1, "app"),
    "flask run with the reloader": Case(f"{FLASK_RUN} --reload", 3, "app", keeps_answering=True),
    "gunicorn, processes": Case(f"{GUNICORN} -w 3 app:app", 3),
    "gunicorn, threads, loaded before the fork": Case(f"{GUNICORN} -w 2 --threads 2 --preload app:app", 2),
    "gunicorn, threads, an unchanged application": Case(
        f"{GUNICORN} --threads 3 flask_livecoverage.wsgi:app", 3, "plain"
    ),
    "gunicorn, gevent": Case(f"{GUNICORN} -w 2 -k gevent app:app", 4),
    "gunicorn, gevent, loaded before the fork": Case(f"{GUNICORN} -k gevent --preload app:app", 4),
    "gevent alone": Case(f"{PYTHON} server.py {{port}}", 4, keeps_answering=True),
    "waitress": Case(f"{WAITRESS} --threads 3 app:app", 3, keeps_answering=True),
    "uWSGI, processes": Case(f"{UWSGI} --master --processes 3 --module threads:app", 3),
    "uWSGI, mounted": Case(f"{UWSGI} --master --processes 3 --mount /=threads:app --manage-script-name", 3),
    "uWSGI, threads, a file": Case(f"{UWSGI} --master --processes 2 --threads 2 --wsgi-file app.py --callable app", 4),
}


# The servers that differ most. Each of the others differs in one respect from one of these.
ALWAYS_TESTED = {
    "flask run",
    "gunicorn, threads, an unchanged application",
    "gunicorn, gevent, loaded before the fork",
    "waitress",
    "uWSGI, mounted",
}


# These write tracebacks about the connections by which the tests check whether they have ended: gunicorn's worker for
# gevent, and the threads of Werkzeug's server if the signal arrives while a connection is handed to one.
WITH_TRACEBACKS = {name for name in CASES if "gunicorn, gevent" in name} | {
    "flask run",
    "flask run with the reloader",
}


@pytest.mark.promise
@pytest.mark.parametrize("name", CASES)
def test_records_all_and_ends_gracefully(commands: Commands, gate: Gate, name: str, thorough: bool) -> None:
    case = CASES[name]
    skip_where_missing(name)
    if name not in ALWAYS_TESTED and not thorough:
        pytest.skip("similar to another server here: runs with --thorough")
    commands.tracebacks_allowed = name in WITH_TRACEBACKS
    commands.write("server.py", GEVENT_SERVER)
    commands.write("threads.py", THREADS)
    live = start(commands, gate, case.command, case.app)
    pids = {fetch(f"{live.url}/who")[1]}
    held = []
    for _ in range(case.at_once - 1):
        connection = send_request(f"{live.url}/wait")
        held.append((connection, gate.reached()))

    assert fetch(f"{live.url}/shutdown") == (200, "Server shutting down...")
    meanwhile = 20 if case.keeps_answering else 0
    for _ in range(meanwhile):
        assert fetch(f"{live.url}/who")[0] == 200
    for connection, passage in held:
        passage.close()
        status, pid = read_response(connection)
        assert status == 200
        pids.add(pid)
    wait_until_refused(live.url)
    live.end()

    run = recorded(commands)
    assert [request.status for request in run.requests] == [200] * (case.at_once + meanwhile)
    assert {str(request.pid) for request in run.requests} == pids
    app = "plain.py" if case.app == "plain" else "app.py"
    not_run = ["os.kill("] if held else ["os.kill(", "gate.wait()"]
    assert_import_was_measured(commands, run, app, *not_run)


def skip_where_missing(name: str) -> None:
    reason = None
    if "uWSGI" in name:
        reason = uwsgi()
    elif "gunicorn, gevent" in name:
        reason = gevent_for_gunicorn()
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.promise
def test_run_ends_uwsgi_by_a_signal(commands: Commands, gate: Gate, thorough: bool) -> None:
    """By default, SIGTERM makes it reload."""
    if not thorough:
        pytest.skip("runs with --thorough")
    if reason := uwsgi():
        pytest.skip(reason)
    commands.write("threads.py", THREADS)
    live = start(commands, gate, CASES["uWSGI, processes"].command, LIVECOVERAGE_SHUTDOWN_URL="")
    fetch(f"{live.url}/who")
    live.end()
    assert "did not end within" not in live.run.text("stderr")
    assert_import_was_measured(commands, recorded(commands), "app.py", "os.kill(", "gate.wait()")


BACKGROUND = """
    import contextvars, threading

    import gate
    from app import app

    def work():
        gate.wait()
        done = "in the background"

    @app.get("/start")
    def start():
        # An empty context: the thread does not work for the request.
        contextvars.Context().run(threading.Thread(target=work).start)
        return "started"
"""


@pytest.mark.parametrize("options", ["--master", ""], ids=["master", "no master"])
@pytest.mark.parametrize("hooks", ["", "--py-call-uwsgi-fork-hooks"], ids=["no fork hooks", "fork hooks"])
def test_background_work_of_uwsgis_workers(commands: Commands, gate: Gate, options: str, hooks: str) -> None:
    """uWSGI calls Python's fork hooks only with an option. Without a master, workers detect the fork differently."""
    if reason := uwsgi():
        pytest.skip(reason)
    source = commands.write("background.py", BACKGROUND)
    server = f"{UWSGI} --enable-threads {options} {hooks} --processes 3"
    live = start(commands, gate, f"{server} --module background:app")
    held = []
    for _ in range(2):
        connection = send_request(f"{live.url}/wait")
        held.append((connection, gate.reached()))
    pids = {fetch(f"{live.url}/who")[1]}
    assert fetch(f"{live.url}/start") == (200, "started")
    gate.reached().close()
    # That worker receives no request, so a background thread of the recorder writes the line.
    written = line_of(source, "in the background")
    wait_until(lambda: written in lines(recorded(commands), source), "the line in the background is recorded")
    for connection, passage in held:
        passage.close()
        pids.add(read_response(connection)[1])
    gate.open()
    # Without a master, its status depends on how its workers have ended.
    stderr = live.run.wait().stderr
    assert "Segmentation Fault" not in stderr
    assert "did not end within" not in stderr

    run = recorded(commands)
    assert len(pids) == 3
    assert {str(request.pid) for request in run.requests} == pids
    assert [request.status for request in run.requests] == [200] * 4
    assert_import_was_measured(commands, run, "app.py", "os.kill(")
